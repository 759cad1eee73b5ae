"""Programs of several files in one archive, names and arguments, and lines of notebooks."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests

from NESTServerClient import NESTServerClient
from tests.integration.servers import Server

FILES = {
    "run.py": (
        "import sys\nfrom lab import model\nimport lab.params as params\nimport helpers\n"
        "n = model.build(params.N)\nx = [n.tolist(), helpers.twice(3)]\n"
        "x += [sys.argv, __name__, __file__]\nif __name__ == '__main__':\n    sys.exit(0)\n"
    ),
    "lab/__init__.py": "",
    "lab/params.py": "N = 2\n",
    "lab/model.py": (
        "import nest\nfrom lab.params import N\n\ndef build(n):\n"
        "    assert n == N\n    return nest.Create('iaf_psc_alpha', n)\n"
    ),
    "helpers.py": "def twice(a):\n    return 2 * a\n",
}


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(files: dict[str, str], kind: bytes = tarfile.REGTYPE) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content.encode()))
    return packed.getvalue()


@pytest.fixture(params=["server", "open_server"])
def either(request: pytest.FixtureRequest) -> Server:
    """A server with restricted and one with unrestricted scripts, each with an empty network."""
    found: Server = request.getfixturevalue(request.param)
    return found


def send(server: Server, archive: bytes, **more: Any) -> requests.Response:
    body = {"archive": base64.b64encode(archive).decode(), "name": "run.py", "return": "x", **more}
    return server.post("/exec", body)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_program_of_several_files_runs(either: Server, pack: Any) -> None:
    reply = send(either, pack(FILES), argv=["-n", "2"])
    assert reply.status_code == 200, reply.text
    *values, file = reply.json()["data"]
    assert values == [[1, 2], 6, ["run.py", "-n", "2"], "__main__"]
    assert Path(file).name == "run.py"


def test_program_has_a_directory_of_its_own_which_goes_with_it(open_server: Server) -> None:
    source = """
import os, sys
from pathlib import Path
Path("out.csv").write_text("1,2")
f = open("late.txt", "w")
f.write("late")
x = [os.getcwd(), Path("data.txt").read_text(), str(Path(__file__).parent), os.listdir()]
x.append(oct(os.stat(".").st_mode & 0o777))
"""
    files = {"run.py": source, "data.txt": "abc"}
    reply = send(open_server, zipped(files), **{"return": ["x", "out.csv", "late.txt", "none.txt"]})
    assert reply.status_code == 200, reply.text
    data = reply.json()["data"]
    place, text, parent, listed, mode = data["x"]
    assert (text, parent, mode) == ("abc", place, "0o700")
    assert sorted(listed) == ["data.txt", "late.txt", "out.csv", "run.py"]
    assert base64.b64decode(data["out.csv"]["$bytes"]) == b"1,2"
    assert base64.b64decode(data["late.txt"]["$bytes"]) == b"late"
    assert data["none.txt"] is None
    # The next script is another process, forked when that of the last has been cleared up.
    for _ in range(3):
        assert open_server.post("/exec", {"source": ""}).status_code == 200
    assert not Path(place).exists()


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (b"no archive", "no zip or tar file"),
        (zipped({"../run.py": "x = 1"}), "begins with a dot"),
        (zipped({"a/../../run.py": "x = 1"}), "begins with a dot"),
        (tarred({"/run.py": "x = 1"}), "no name within a program"),
        (tarred({"run.py": ""}, tarfile.SYMTYPE), "which is no file"),
        (tarred({"run.py": ""}, tarfile.LNKTYPE), "which is no file"),
        (tarred({"run.py": ""}, tarfile.FIFOTYPE), "which is no file"),
        (zipped({f"{i}.py": "" for i in range(2001)}), "more than 2000 files"),
        (zipped({"other.py": ""}), "has no run.py; it has other.py"),
        (zipped({"run.py": "import os.path as os\nx = 1", "a": ""})[:-30], "no zip or tar file"),
    ],
    # An archive has the time in it, which workers of the tests need not agree on.
    ids=lambda value: value if isinstance(value, str) else "archive",
)
def test_wrong_archive_is_explained(either: Server, archive: bytes, said: str) -> None:
    reply = send(either, archive)
    assert reply.status_code == 400, reply.text
    assert said in reply.json()["message"]


def test_modules_of_restricted_programs_are_restricted(server: Server) -> None:
    for module, said in {
        "import os": "No module named 'os'",
        "x = ().__class__": "__class__",
        "x = open('/etc/passwd')": "open() is not available",
    }.items():
        files = {"run.py": "import own\nx = 1", "own.py": module}
        reply = send(server, zipped(files))
        assert reply.status_code == 400, reply.text
        assert said in reply.json()["message"]
    reads = "import own\nx = [hasattr(own, n) for n in ('__builtins__', '__dict__', 'y')]"
    assert send(server, zipped({"run.py": reads, "own.py": "y = 1"})).json()["data"] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"source": "", "name": "../a.py"}, "begins with a dot"),
        ({"source": "", "name": "/a.py"}, "is empty"),
        ({"source": "", "argv": "a"}, '"argv" must be'),
        ({"archive": "%"}, '"archive" must be'),
        ({"archive": "AAAA"}, '"source" must be'),
    ],
)
def test_wrong_field_of_a_program_is_refused(server: Server, body: Any, said: str) -> None:
    reply = server.post("/exec", body)
    assert (reply.status_code, reply.json()["error"]) == (400, "MalformedRequest")
    assert said in reply.json()["message"]


def test_archive_is_sent_as_a_form_and_by_the_client(server: Server, tmp_path: Path) -> None:
    form = {"name": "run.py", "return": "x"}
    reply = server.request("POST", "/exec", data=form, files={"archive": zipped(FILES)})
    assert reply.json()["data"][1] == 6
    client = NESTServerClient("127.0.0.1", server.port, server.token)
    found = client.exec_script("", "x", "run.py", ["a"], zipped(FILES))["data"]
    assert found[2] == ["run.py", "a"]
    (tmp_path / "mine.py").write_text("import sys\nx = [__file__, sys.argv]\nsys.exit()")
    found = client.from_file(str(tmp_path / "mine.py"), "x", ["b"])["data"]
    assert found == ["mine.py", ["mine.py", "b"]]
    client.close()


def test_exit_with_an_error_keeps_what_was_asked_for(either: Server) -> None:
    reply = either.post("/exec", {"source": "x = 7\nexit('why')", "return": "x"})
    found = {name: reply.json().get(name) for name in ("message", "data", "lineNumber")}
    assert (reply.status_code, found) == (
        400,
        {"message": "SystemExit at line 2: the script ended itself with why", "data": 7}
        | {"lineNumber": 2},
    )


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\n%matplotlib inline", 2),
        ("!pip install nest", 1),
        ("x = 1\nfiles = !ls", 2),
        ("import nest\nnest.Create?", 2),
        ("get_ipython().run_line_magic('matplotlib', 'inline')", 1),
        ('{"cells": [],\n "x": null}', 2),
    ],
)
def test_lines_of_notebooks_are_explained(either: Server, source: str, line: int) -> None:
    reply = either.post("/exec", {"source": source})
    assert (reply.status_code, reply.json()["lineNumber"]) == (400, line)
    assert "notebook's" in reply.json()["message"]
