"""Names of files arrive in many ways, and none leads out of the data directory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack._cmsgpack
import pytest

from NESTServerClient import NESTServerClient
from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Server, Start
from tests.integration.test_jobs import FINAL

OUTSIDE = "../outside"
RECORDER = {"record_to": "ascii", "label": OUTSIDE}


def of_batch(server: Server) -> Any:
    return server.post("/batch", [{"call": "CopyModel", "args": ["spike_recorder", OUTSIDE]}])


def of_job(server: Server) -> Any:
    reply = server.post(
        "/api/SetDefaults",
        {"model": "spike_recorder", "params": RECORDER},
        headers={"Prefer": "respond-async"},
    )
    place = reply.headers["Location"]
    ended = poll_until(lambda: server.get(place).json()["state"] in FINAL, DEADLINE_S)
    assert ended, server.get(place).text
    return server.get(place + "/result")


def of_script(source: str) -> Callable[[Server], Any]:
    return lambda server: server.post("/exec", {"source": source, "return": []})


HTTP: dict[str, Callable[[Server], Any]] = {
    "json": lambda server: server.post(
        "/api/Create", {"model": "spike_recorder", "params": RECORDER}
    ),
    "query": lambda server: server.post(
        "/api/Create", params={"model": "spike_recorder", "params": json.dumps(RECORDER)}
    ),
    "query of set": lambda server: server.post("/api/set", params={"data_prefix": OUTSIDE}),
    "expression": lambda server: server.post(
        "/api/Create",
        ["spike_recorder", 1, {"$call": "Mask.or", "args": [RECORDER, {}]}],
    ),
    "batch": of_batch,
    "job": of_job,
    "script": of_script(f"import nest\nnest.Create('spike_recorder', params={RECORDER})"),
    "script's attribute": of_script(f"import nest\nnest.data_prefix = {OUTSIDE!r}"),
    "script's text of NumPy": of_script(
        "import nest, numpy\nrecorder = nest.Create('spike_recorder')\n"
        f"recorder.set(label=numpy.array([{OUTSIDE!r}])[0])"
    ),
}


@pytest.mark.parametrize("way", HTTP)
def test_name_is_refused_whatever_way_it_arrives(server: Server, way: str) -> None:
    reply = HTTP[way](server)
    assert reply.status_code == 400, reply.text
    assert "plain name" in reply.text
    assert OUTSIDE not in server.call("GetDefaults", ["spike_recorder"]).values()
    assert server.call("GetKernelStatus", ["data_prefix"]) == ""


def test_name_is_refused_to_clients(nsc: NESTServerClient, nest: Any) -> None:
    with pytest.raises(Exception, match="plain name"):
        nsc.Create("spike_recorder", params=RECORDER)
    recorder = nest.Create("spike_recorder")
    with pytest.raises(Exception, match="plain name"):
        recorder.label = OUTSIDE
    with pytest.raises(Exception, match="plain name"):
        nest.data_prefix = OUTSIDE
    with pytest.raises(Exception, match="plain name"):
        layer = nest.Create("iaf_psc_alpha", positions=nest.spatial.grid([2, 2]))
        # In a directory of this machine it would be the client's own.
        nest.DumpLayerNodes(layer, "/nowhere/x")
    with pytest.raises(Exception, match="data directory"):
        nest.data_path = "results"
    with pytest.raises(Exception, match="no name of a model"):
        nsc.help("/etc/passwd")


def test_files_are_private_and_in_the_data_directory(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = start({"NEST_SERVER_DATA": str(data)})
    assert server.call("GetKernelStatus", ["data_path"]) == str(data)
    server.call("SetKernelStatus", [{"data_path": ".", "data_prefix": "run-"}])
    recorder = server.call("Create", ["spike_recorder", 1, {"record_to": "ascii", "label": "s"}])
    server.call("Create", ["iaf_psc_alpha", 1, None, {"$call": "spatial.grid", "args": [[3, 1]]}])
    server.call("DumpLayerNodes", {"layer": [2, 3, 4], "outname": "layer.txt"})
    server.call("Simulate", [1.0])
    assert server.call("GetStatus", [recorder, "filenames"]) == [[str(data / "run-s-1-0.dat")]]
    assert {path.name: path.stat().st_mode & 0o777 for path in data.iterdir()} == {
        "run-s-1-0.dat": 0o600,
        "layer.txt": 0o600,
    }
    server.call("ResetKernel")
    status = server.call("GetKernelStatus", [["data_path", "data_prefix", "overwrite_files"]])
    assert status == [str(data), "", False]


def test_modules_are_loaded_from_the_list_of_the_operator_alone(
    server: Server, start: Start, tmp_path: Path
) -> None:
    for call in (["Install", ["mymodule"]], ["Install", [str(tmp_path / "mymodule.so")]]):
        reply = server.post(f"/api/{call[0]}", call[1])
        assert reply.status_code in (400, 403)
    assert server.post("/api/Install", ["mymodule"]).status_code == 403
    # NEST opens any library, and finds that this one is no module.
    shutil.copy(msgpack._cmsgpack.__file__, tmp_path / "mymodule.so")
    (tmp_path / "mymodule.so").chmod(0o755)
    allowing = start({"NEST_SERVER_EXTENSIONS": str(tmp_path)})
    assert "could not find module symbol" in allowing.post("/api/Install", ["mymodule"]).text
    (tmp_path / "mymodule.so").chmod(0o777)
    assert "others can write" in allowing.post("/api/Install", ["mymodule"]).text


def test_nest_writes_through_no_link(start: Start, tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    data.mkdir(mode=0o700)
    kept.write_text("kept")
    server = start({"NEST_SERVER_DATA": str(data)})
    server.call("Create", ["spike_recorder", 1, {"label": "s"}])
    for name in ("s-1-0.dat", "layer.txt"):
        (data / name).symlink_to(kept)
    # Who records to memory does not care.
    server.call("Simulate", [1.0])
    server.call("SetKernelStatus", [{"overwrite_files": True}])
    server.call("SetStatus", [[1], {"record_to": "ascii"}])
    layer = server.call(
        "Create", ["parrot_neuron", 1, None, {"$call": "spatial.grid", "args": [[2, 1]]}]
    )
    for call, arguments in (("Simulate", [1.0]), ("DumpLayerNodes", [layer, "layer.txt"])):
        reply = server.post(f"/api/{call}", arguments)
        assert (reply.status_code, "leads elsewhere" in reply.text) == (403, True), reply.text
    assert kept.read_text() == "kept"
    for name in ("s-1-0.dat", "layer.txt"):
        (data / name).unlink()
    server.call("Simulate", [1.0])
    assert [path.name for path in data.iterdir()] == ["spike_recorder-1-0.dat"]
