"""Scripts as people write them: their ends, files, names, workers; values as plain Python's."""

from __future__ import annotations

import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Server
from tests.sections import read_sections

#: Sources of unrestricted scripts, with what they return and print in plain Python.
ORDINARY = dict(read_sections(Path(__file__).with_name("ordinary_scripts.txt")))


def run(server: Server, source: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """Run a script; return status and answer."""
    reply = server.post("/exec", {"source": textwrap.dedent(source), **more})
    found: dict[str, Any] = reply.json()
    return reply.status_code, found


@pytest.mark.parametrize("title", ORDINARY)
def test_script_does_what_plain_python_does(open_server: Server, title: str) -> None:
    source, _, expected = ORDINARY[title].rpartition("#> ")
    status, answer = run(open_server, source, **{"return": "x"})
    assert (status, answer) == eval(expected)


#: What a script leaves open in the file ``f``, and what is in the file in the end.
LEFT_OPEN = {
    "text": ("f = open(path, 'w')\nf.write('hello\\n' * 3)", b"hello\n" * 3),
    "bytes": ("f = [open(path, 'wb')]\nf[0].write(b'ab')", b"ab"),
    "in a cycle": (
        "class A: pass\na = A()\na.a = a\na.f = open(path, 'w')\na.f.write('ab')",
        b"ab",
    ),
    "log": (
        "import logging\nlogging.basicConfig(filename=path, format='%(message)s')\n"
        "from logging.handlers import MemoryHandler\n"
        "h = MemoryHandler(99, target=logging.getLogger().handlers[0])\n"
        "log = logging.getLogger('a')\nlog.propagate = False\nlog.addHandler(h)\nlog.error('ab')",
        b"ab\n",
    ),
    "C": (
        "import ctypes\nc = ctypes.CDLL(None)\nc.fopen.restype = ctypes.c_void_p\n"
        "f = ctypes.c_void_p(c.fopen(path.encode(), b'w'))\nc.fputs(b'ab', f)",
        b"ab",
    ),
}


@pytest.mark.parametrize("what", LEFT_OPEN)
@pytest.mark.parametrize("end", ["", "exit()", "1/0", "exit(3)"])
def test_files_that_are_left_open_are_whole(
    open_server: Server, tmp_path: Path, what: str, end: str
) -> None:
    source, content = LEFT_OPEN[what]
    run(open_server, f"path = {str(tmp_path / 'f')!r}\n{source}\n{end}")
    assert (tmp_path / "f").read_bytes() == content


def test_archives_that_are_left_open_are_whole(open_server: Server, tmp_path: Path) -> None:
    source = f"""
        import gzip, os, shelve, tempfile, weakref, zipfile
        os.chdir({str(tmp_path)!r})
        z = zipfile.ZipFile("a.zip", "w")
        z.writestr("a", "b")
        g = gzip.open("a.gz", "wt")
        g.write("abc")
        s = shelve.open("shelf")
        s["a"] = [1]
        t = tempfile.TemporaryDirectory(dir=".")
        o = type("O", (), {{}})()
        weakref.finalize(o, print, "finalized")
    """
    assert run(open_server, source) == (200, {"stdout": "finalized\n"})
    reads = f"""
        import gzip, os, shelve, zipfile
        os.chdir({str(tmp_path)!r})
        x = [zipfile.ZipFile("a.zip").read("a"), gzip.open("a.gz").read()]
        x.append(shelve.open("shelf")["a"])
        x.append([entry.name for entry in os.scandir() if entry.is_dir()])
        x = repr(x)
    """
    found = run(open_server, reads, **{"return": "x"})
    assert found == (200, {"data": "[b'b', b'abc', [1], []]"})


@pytest.mark.parametrize("waits", ["while True: pass", "time.sleep(1e6)", "nest.Simulate(1e8)"])
def test_script_that_is_ended_writes_out_its_files(
    open_server: Server, tmp_path: Path, waits: str
) -> None:
    source = f"""
import nest, time
nest.Create("iaf_psc_alpha")
f = open({str(tmp_path / "f")!r}, "w")
f.write("ab")
try:
    print("begun")
    open({str(tmp_path / "begun")!r}, "w").close()
    {waits}
finally:
    open({str(tmp_path / "g")!r}, "w").write("cd")
"""
    replies: list[Any] = []

    def ask() -> None:
        own = Server(open_server.runtime, open_server.port, open_server.token)
        replies.append(own.post("/exec", {"source": source}))
        own.session.close()

    thread = threading.Thread(target=ask)
    thread.start()
    assert poll_until((tmp_path / "begun").exists, DEADLINE_S)
    open_server.request("DELETE", "/exec")
    thread.join(DEADLINE_S)
    assert (replies[0].status_code, replies[0].json()["error"]) == (400, "ScriptEnded")
    assert replies[0].json()["stdout"] == "begun\n"
    assert [(tmp_path / name).read_text() for name in "fg"] == ["ab", "cd"]
    assert open_server.call("GetKernelStatus", ["network_size"]) == 1


def test_worker_that_goes_wrong_ends_like_a_program_and_leaves_its_parents_objects(
    open_server: Server,
) -> None:
    source = """
        import nest, os, sys
        n = [nest.Create("iaf_psc_alpha") + nest.Create("iaf_psc_exp") for _ in range(300)]
        ends = []
        for end in (lambda: None, lambda: sys.exit(4), lambda: 1 / 0):
            pid = os.fork()
            if pid == 0:
                n = None
                nest.Create("iaf_psc_alpha", 2)
                end()
                sys.exit()
            ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        x = [ends, nest.network_size, [m.get("global_id") for m in n][-1][-1]]
    """
    status, answer = run(open_server, source, **{"return": "x"})
    assert (status, answer["data"]) == (200, [[0, 4, 1], 606, 600])
    assert answer["stdout"].endswith("ZeroDivisionError: division by zero\n")
