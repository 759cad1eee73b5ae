"""What NEST Server 3.10 and 3.0.0b9 get wrong under MPI, each row as a test on two ranks."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port

DRIVEN = {"I_e": 500.0}


def test_recorder_has_the_spikes_of_all_neurons_not_half(two_ranks: Server) -> None:
    two_ranks.call("Create", ["iaf_psc_alpha", 4, DRIVEN])
    two_ranks.call("Create", ["spike_recorder"])
    two_ranks.call("Connect", [[1, 2, 3, 4], [5]])
    two_ranks.call("Simulate", [20.0])
    (events,) = two_ranks.call("GetStatus", {"nodes": [5], "keys": "events"})
    # Each of the equal neurons fires once.
    assert events == {"senders": [1, 2, 3, 4], "times": [13.9] * 4}
    assert two_ranks.call("GetStatus", {"nodes": [5], "keys": "n_events"}) == [4]
    assert two_ranks.call("local_spike_counter") == 4


def test_nodes_are_listed_once(two_ranks: Server) -> None:
    two_ranks.call("Create", ["iaf_psc_alpha", 5])
    assert two_ranks.call("GetNodes") == [1, 2, 3, 4, 5]
    assert two_ranks.call("GetNodes", {"local_only": True}) == [1, 2, 3, 4, 5]
    assert two_ranks.call("GetLocalNodeCollection", [[1, 2, 3, 4, 5]]) == [1, 2, 3, 4, 5]


def test_connections_are_those_of_all_ranks_and_can_be_looked_up(two_ranks: Server) -> None:
    assert two_ranks.call("GetConnections") == {}
    two_ranks.call("Create", ["iaf_psc_alpha", 4])
    two_ranks.call("Connect", [[1, 2, 3, 4], [1, 2, 3, 4]])
    found = two_ranks.call("GetConnections")
    pairs = list(zip(found["source"], found["target"], strict=True))
    assert pairs == [(source, target) for source in range(1, 5) for target in range(1, 5)]
    assert two_ranks.call("num_connections") == 16
    one = two_ranks.call("GetConnections", {"source": [1], "target": [2]})
    assert (one["source"], one["target"], one["weight"]) == ([1], [2], [1.0])


def test_callers_see_one_process(two_ranks: Server) -> None:
    assert two_ranks.call("NumProcesses") == 1
    assert two_ranks.call("Rank") == 0
    assert two_ranks.call("GetLocalVPs") == [0, 1, 2, 3]
    keys = ["num_processes", "mpi_rank", "local_num_threads", "total_num_virtual_procs"]
    assert two_ranks.call("GetKernelStatus", [keys]) == [1, 0, 4, 4]


@pytest.mark.parametrize(
    ("call", "body", "error"),
    [
        ("Create", ["nope"], "UnknownModelName"),
        ("Create", ["iaf_psc_alpha", 2, {"nope": 1.0}], "UnaccessedDictionaryEntry"),
        ("Create", ["iaf_psc_alpha", -1], None),
        ("Simulate", [-1.0], None),
        ("Connect", [[1], [99]], None),
        ("Connect", [[1], [2], "nope"], None),
        ("Connect", [[1], [2], "one_to_one", {"weight": [1.0, 2.0, 3.0]}], None),
        ("SetStatus", [[1], {"C_m": -1.0}], "BadProperty"),
        ("SetStatus", [[2], {"C_m": -1.0}], "BadProperty"),
        ("SetStatus", [[1, 2], {"V_m": [1.0]}], "IndexError"),
        ("GetStatus", [[1], "nope"], "KeyError"),
        ("GetStatus", [[2], "nope"], "KeyError"),
        ("GetConnections", {"synapse_model": "nope"}, None),
        ("ResetKernel", [1, 2, 3], None),
        ("SetDefaults", ["iaf_psc_alpha", {"C_m": -1.0}], None),
        ("CopyModel", ["iaf_psc_alpha", "iaf_psc_alpha"], None),
        ("GetPosition", [[1, 2]], None),
    ],
)
def test_failing_call_is_an_answer_and_does_not_hang_the_rest(
    two_ranks: Server, call: str, body: Any, error: str | None
) -> None:
    two_ranks.call("Create", ["iaf_psc_alpha", 2, DRIVEN])
    generation = two_ranks.connection_info()["generation"]
    reply = two_ranks.post(f"/api/{call}", body)
    assert reply.status_code == 400, reply.text
    assert reply.json()["call"] in (call, "NodeCollection")
    if error is not None:
        assert reply.json()["error"] == error
    # The ranks are in step: what needs all of them still works.
    two_ranks.call("Connect", [[1, 2], [1, 2]])
    two_ranks.call("Simulate", [10.0])
    assert two_ranks.call("biological_time") == 10.0
    assert len(two_ranks.call("GetConnections")["source"]) >= 4
    assert two_ranks.connection_info()["generation"] == generation


def test_variables_count_under_the_mpi_launcher(runtime: Runtime) -> None:
    port = free_port()
    variables = {
        "NEST_SERVER_PORT": str(port),
        "NEST_SERVER_ACCESS_TOKEN": "of-the-variable",
        # Two ranks of a test on a small machine, perhaps of root.
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
    }
    job = subprocess.Popen(
        ["mpirun", "-np", "2", sys.executable, "-m", "nestd.server.mpi_cli"],
        env=runtime.environment(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        server = Server(runtime, port, "of-the-variable")
        state = runtime.directory / f"server-{port}" / "connection.json"
        assert poll_until(lambda: state.exists() or job.poll() is not None, DEADLINE_S)
        assert job.poll() is None, job.communicate()[0]
        assert server.call("Create", ["iaf_psc_alpha", 2]) == [1, 2]
        assert server.connection_info()["ranks"] == 2
        server.session.close()
    finally:
        job.send_signal(signal.SIGTERM)
        job.communicate(timeout=DEADLINE_S)
