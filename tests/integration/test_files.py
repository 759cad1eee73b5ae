"""What NEST writes can be had, over HTTP, from Python and by scripts, within a quota."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from nest_remote import NESTServerError
from NESTServerClient import NESTServerClient
from protocol.process.polling import poll_until
from tests.integration.pending import ENDLESS_MS
from tests.integration.servers import DEADLINE_S, Runtime, Server, Start

NAMES = ["v-5-0.dat", "v-5-1.dat", "w-6-0.dat", "w-6-1.dat"]


@pytest.fixture
def written(server: Server) -> Iterator[dict[str, list[list[float]]]]:
    """Files of two recorders on two threads, and what a recorder in memory has beside each."""
    server.request("DELETE", "/files")
    server.call("SetKernelStatus", {"params": {"local_num_threads": 2, "overwrite_files": True}})
    server.call("Create", ["iaf_psc_alpha", 4, {"I_e": 400.0}])
    sampled = {"interval": 1.0, "record_from": ["V_m"]}
    for label in ("v", "w"):
        server.call("Create", ["multimeter", 1, sampled | {"record_to": "ascii", "label": label}])
    server.call("Create", ["multimeter", 1, sampled])
    for recorder in (5, 6, 7):
        server.call("Connect", [[recorder], [1, 2, 3, 4]])
    server.call("Simulate", [20.0])
    events = server.call("GetStatus", [[7], "events"])[0]
    rows = zip(events["senders"], events["times"], events["V_m"], strict=True)
    found = sorted([float(value) for value in row] for row in rows)
    yield dict.fromkeys(("v", "w"), found)
    server.request("DELETE", "/files")


def rows_of(text: str) -> list[list[float]]:
    """Return the rows of a file of NEST's: below two comments and the names of columns."""
    return [[float(value) for value in line.split()] for line in text.splitlines()[3:]]


def test_files_of_all_threads_are_what_recorders_in_memory_have(
    server: Server, written: dict[str, list[list[float]]]
) -> None:
    listed = server.get("/files").json()
    assert [file["name"] for file in listed["files"]] == NAMES
    assert listed["total"] == sum(file["size"] for file in listed["files"])
    for label, expected in written.items():
        found = []
        for name in NAMES:
            if name.startswith(label):
                reply = server.get(f"/files/{name}")
                assert reply.status_code == 200
                found += rows_of(reply.text)
        assert len(found) == len(expected) == 76
        np.testing.assert_allclose(sorted(found), expected, atol=6e-4)
    whole = server.get(f"/files/{NAMES[0]}")
    half = len(whole.content) // 2
    rest = server.get(
        f"/files/{NAMES[0]}",
        headers={"Range": f"bytes={half}-", "If-Range": whole.headers["ETag"]},
    )
    assert (rest.status_code, rest.content) == (206, whole.content[half:])
    assert server.get("/").json()["files"]["total"] == listed["total"]


def test_python_lists_and_downloads_them(
    server: Server, nest: Any, written: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del written
    client = NESTServerClient("127.0.0.1", server.port, server.token)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    for own in (nest, client):
        assert [file["name"] for file in own.files()] == NAMES
        assert own.download(NAMES[0]) == tmp_path / NAMES[0]
        assert own.download(NAMES[1], to="d") == Path("d") / NAMES[1]
        assert own.download(NAMES[2], to=tmp_path / "other.txt") == tmp_path / "other.txt"
    sizes = {file["name"]: file["size"] for file in client.files()}
    assert (tmp_path / "d" / NAMES[1]).stat().st_size == sizes[NAMES[1]]
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(
        ["d", NAMES[0], NAMES[1], "other.txt"]
    )
    for name, status in (("missing.dat", 404), ("../token", 400), ("c:\\x", 400)):
        with pytest.raises(NESTServerError) as raised:
            client.download(name)
        assert raised.value.status == status
    with pytest.raises(ValueError, match="give a plain name"):
        nest.download("../token", to=tmp_path / "d")
    assert len(list(tmp_path.rglob("*"))) == 4
    client.close()


def test_scripts_list_them_and_return_them(server: Server, written: object) -> None:
    del written
    source = "import nest\nnames = [file['name'] for file in nest.files()]\nv = 1"
    reply = server.post("/exec", {"source": source, "return": ["names", NAMES[0], "no.dat", "v"]})
    assert reply.status_code == 200, reply.text
    size = len(server.get(f"/files/{NAMES[0]}").content)
    named = {"file": f"/files/{NAMES[0]}", "name": NAMES[0], "size": size}
    assert reply.json()["data"] == {"names": NAMES, NAMES[0]: named, "no.dat": None, "v": 1}
    one = server.post("/exec", {"source": "x = 1", "return": NAMES[0]}).json()["data"]
    assert one == named
    assert server.get(one["file"]).status_code == 200
    refused = server.post("/exec", {"source": "import nest\nnest.download('a')", "return": ""})
    assert refused.status_code == 400
    assert "a script has no files of its own" in refused.json()["message"]


#: What libraries do: files in a directory of their own, by the names that the recorder tells.
WITH_DIRECTORY = """
import pathlib
nest.SetKernelStatus({"data_path": directory, "overwrite_files": True})
recorder = nest.Create("spike_recorder", params={"record_to": "ascii", "label": "own"})
nest.Connect(nest.Create("poisson_generator", params={"rate": 1e4}), recorder)
nest.Simulate(10.0)
told = [nest.data_path, nest.GetKernelStatus("data_path"), *recorder.filenames]
lines = [len(pathlib.Path(name).read_text().splitlines()) > 3 for name in told[2:]]
count = recorder.n_events
"""


def test_directory_of_the_caller_gets_the_files(nest: Any, tmp_path: Path) -> None:
    names = {"nest": nest, "directory": str(tmp_path)}
    exec(WITH_DIRECTORY, names)
    path = tmp_path / "own-1-0.dat"
    assert names["told"] == [str(tmp_path), str(tmp_path), str(path)]
    assert list(tmp_path.iterdir()) == [path]
    assert len(path.read_text().splitlines()) == 3 + names["count"]
    nest.ResetKernel()
    assert nest.data_path != str(tmp_path)


def test_directory_of_a_script_without_restrictions_gets_the_files(open_server: Server) -> None:
    source = f"import nest, tempfile\ndirectory = tempfile.mkdtemp()\n{WITH_DIRECTORY}"
    source += "import shutil\nshutil.rmtree(directory)"
    names = ["told", "lines", "directory"]
    reply = open_server.post("/exec", {"source": source, "return": names})
    assert reply.status_code == 200, reply.text
    data = reply.json()["data"]
    assert data["told"] == [data["directory"]] * 2 + [f"{data['directory']}/own-1-0.dat"]
    assert data["lines"] == [True]


def test_restricted_script_has_no_directory(server: Server) -> None:
    reply = server.post("/exec", {"source": "import nest\nnest.data_path = '/tmp'"})
    assert reply.status_code == 400
    assert "lie in its data directory" in reply.json()["message"]


def test_files_are_served_while_nest_computes_and_after_their_kernel(server: Server) -> None:
    server.request("DELETE", "/files")
    neuron = server.call("Create", ["iaf_psc_alpha", 1, {"I_e": 400.0}])
    params = {"interval": 0.1, "record_from": ["V_m"], "record_to": "ascii", "label": "long"}
    recorder = server.call("Create", ["multimeter", 1, params])
    server.call("Connect", [recorder, neuron])
    job = server.post("/api/Simulate", [ENDLESS_MS], headers={"Prefer": "respond-async"}).json()
    name = "long-2-0.dat"

    def size() -> int:
        found = {file["name"]: file["size"] for file in server.get("/files").json()["files"]}
        return found.get(name, 0)

    first = poll_until(size, DEADLINE_S)
    assert first
    assert poll_until(lambda: size() > first, DEADLINE_S)
    assert len(server.get(f"/files/{name}").content) >= first
    assert server.get(f"/jobs/{job['id']}").json()["state"] == "running"
    server.request("DELETE", "/kernel")

    def is_ready() -> bool:
        return server.get("/readyz").status_code == 200

    assert server.get(f"/files/{name}").status_code == 200
    assert poll_until(is_ready, DEADLINE_S)
    assert server.get(f"/files/{name}").status_code == 200
    assert server.request("DELETE", f"/files/{name}").json() == {"removed": [name]}


def test_quota_ends_what_writes_and_the_network_goes_on(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "results"
    server = start({"NEST_SERVER_DATA": str(data), "NEST_SERVER_DATA_MIB": "1"})
    assert data.stat().st_mode & 0o777 == 0o700
    neurons = server.call("Create", ["iaf_psc_alpha", 100, {"I_e": 400.0}])
    params = {"interval": 0.1, "record_from": ["V_m"], "record_to": "ascii"}
    recorder = server.call("Create", ["multimeter", 1, params])
    server.call("Connect", [recorder, neurons])
    server.call("SetKernelStatus", {"params": {"overwrite_files": True}})
    ended = server.post("/api/Simulate", [ENDLESS_MS])
    assert (ended.status_code, ended.json()["error"]) == (400, "DataDirectoryFull")
    assert "was ended at" in ended.json()["message"]
    at_ms = server.call("biological_time")
    assert 0.0 < at_ms < ENDLESS_MS
    for call, body in (("Simulate", [1.0]), ("Prepare", [])):
        refused = server.post(f"/api/{call}", body)
        assert (refused.status_code, refused.json()["error"]) == (400, "DataDirectoryFull")
        assert f"{call} was not begun" in refused.json()["message"]
    assert server.call("biological_time") == at_ms
    grid = {"positions": {"$call": "spatial.grid", "args": [[2, 2]]}}
    layer = server.call("Create", {"model": "iaf_psc_alpha"} | grid)
    dump = server.post("/api/DumpLayerNodes", [layer, "layer.txt"])
    assert (dump.status_code, dump.json()["error"]) == (400, "DataDirectoryFull")
    # Without files to write it goes on.
    server.call("SetStatus", [recorder, {"record_to": "memory"}])
    server.call("Simulate", [1.0])
    server.call("SetStatus", [recorder, {"record_to": "ascii"}])
    assert server.post("/api/Simulate", [1.0]).status_code == 400
    assert server.request("DELETE", "/files").status_code == 200
    server.call("Simulate", [1.0])
    server.call("DumpLayerNodes", [layer, "layer.txt"])
    kept = [file["name"] for file in server.get("/files").json()["files"]]
    assert "layer.txt" in kept
    server.stop()
    # What was named is the user's own.
    assert sorted(path.name for path in data.iterdir()) == kept


def test_directory_that_can_not_be_used_is_said_at_the_start(
    runtime: Runtime, tmp_path: Path
) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for named in ("/", str(runtime.directory), str(open_to_all)):
        done = runtime.run("start", "-d", env={"NEST_SERVER_DATA": named})
        assert done.returncode == 78, done.stderr
        assert "NEST_SERVER_DATA" in done.stderr


def test_page_that_may_call_removes_files(server: Server) -> None:
    reply = requests.options(
        f"{server.url}/files/a",
        headers={"Origin": "http://localhost:8000", "Access-Control-Request-Method": "DELETE"},
        timeout=DEADLINE_S,
    )
    assert reply.ok
    assert "DELETE" in reply.headers["Access-Control-Allow-Methods"]
