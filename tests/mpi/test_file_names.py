"""Names of files on several ranks: no rank sees one that is refused, and all write to one place."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgpack._cmsgpack

from tests.integration.servers import Start


def test_two_ranks_write_into_the_data_directory_alone(start: Start, tmp_path: Path) -> None:
    data, modules = tmp_path / "data", tmp_path / "modules"
    modules.mkdir(mode=0o755)
    shutil.copy(msgpack._cmsgpack.__file__, modules / "mymodule.so")
    (modules / "mymodule.so").chmod(0o755)
    env = {"NEST_SERVER_DATA": str(data), "NEST_SERVER_EXTENSIONS": str(modules)}
    server = start(env, "-n", "2")

    parameters = {"record_to": "ascii", "label": "../outside"}
    refused = server.post("/api/SetDefaults", ["spike_recorder", parameters])
    assert (refused.status_code, "plain name" in refused.text) == (400, True)
    labels = server.post("/api/GetDefaults?ranks=all", ["spike_recorder", "label"]).text
    assert labels.count('"rank":') == 2
    assert "outside" not in labels

    module = server.post("/api/Install", ["mymodule"])
    assert (module.status_code, "could not find module symbol" in module.text) == (400, True)

    server.call("SetKernelStatus", [{"total_num_virtual_procs": 2, "data_path": "."}])
    paths = server.post("/api/GetKernelStatus?ranks=all", ["data_path"]).text
    assert paths.count(f'"{data}"') == 2
    server.call("Create", ["spike_recorder", 1, parameters | {"label": "spikes"}])
    grid = {"$call": "spatial.grid", "args": [[3, 1]]}
    server.call("DumpLayerNodes", [server.call("Create", ["parrot_neuron", 1, None, grid]), "dump"])
    server.call("Simulate", [1.0])
    assert {path.name: path.stat().st_mode & 0o777 for path in data.iterdir()} == dict.fromkeys(
        ["dump", "spikes-1-0.dat", "spikes-1-1.dat"], 0o600
    )
    assert len((data / "dump").read_text().splitlines()) == 3
