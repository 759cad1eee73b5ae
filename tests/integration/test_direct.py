"""Clients that can read the connection file call nestd itself, as they do over HTTP."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nest_remote
from nest_remote.http.transport import HttpTransport
from NESTServerClient import NESTServerClient, NESTServerError
from protocol.process.polling import poll_until
from tests.integration.pending import ENDLESS_MS
from tests.integration.servers import DEADLINE_S, Runtime, Server, Start
from tests.integration.terminals import program

Call = Callable[[NESTServerClient], Any]


@pytest.fixture
def at_home(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The shared server, in the runtime directory of this process."""
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(server.runtime.directory))
    return server


@pytest.fixture
def direct(at_home: Server) -> Iterator[NESTServerClient]:
    """A client of it that asks nestd itself."""
    client = NESTServerClient("127.0.0.1", at_home.port)
    assert client._transport.direct is not None
    yield client
    client.close()


def requests(server: Server) -> int:
    """Requests for calls that the gateway has had."""
    lines = server.get("/metrics").text.splitlines()
    return sum(
        int(float(line.split()[-1]))
        for line in lines
        if line.startswith("nestd_requests_total") and "/operation" in line
    )


def test_answers_are_those_over_http(direct: NESTServerClient, server: Server) -> None:
    over_http = NESTServerClient("127.0.0.1", server.port, headers={"X-Trial": "1"})
    assert over_http._transport.direct is None
    neurons = direct.Create("iaf_psc_alpha", 5, {"V_m": [-70.0, -69.0, -68.0, -67.0, -66.0]})
    assert neurons == [1, 2, 3, 4, 5]
    direct.Connect(neurons, neurons, "one_to_one", {"weight": np.arange(5.0)})
    calls: tuple[Call, ...] = (
        lambda nsc: nsc.GetStatus([1, 5], "V_m"),
        lambda nsc: nsc.GetConnections().get(["source", "target", "weight"]),
        lambda nsc: nsc.batch([("GetKernelStatus", ["num_connections"]), ("GetNodes", [])]),
        lambda nsc: nsc.GetDefaults("iaf_psc_alpha"),
    )
    for call in calls:
        assert call(direct) == call(over_http)
    mistakes: tuple[Call, ...] = (
        lambda nsc: nsc.Create("iaf"),
        lambda nsc: nsc.SetStatus([1], {"nope": 1.0}),
        lambda nsc: nsc.Create(object()),
        lambda nsc: nsc.batch([("Create", ["iaf_psc_alpha"]), ("Simulate", ["x"])]),
    )
    for wrong in mistakes:
        raised = []
        for client in (direct, over_http):
            with pytest.raises((NESTServerError, TypeError)) as found:
                wrong(client)
            raised.append((type(found.value), str(found.value)))
        assert raised[0] == raised[1]
    over_http.close()


def test_calls_take_another_way_than_jobs_and_files(
    direct: NESTServerClient, server: Server
) -> None:
    before = requests(server)
    for _ in range(3):
        direct.GetKernelStatus("resolution")
    assert requests(server) == before
    job = direct.submit("Simulate", 10.0)
    assert job.result() is None
    assert direct.files() == []
    assert requests(server) == before + 1


def test_large_arrays_go_both_ways_and_belong_to_the_caller(direct: NESTServerClient) -> None:
    generator = direct.Create("spike_generator")
    times = np.arange(1, 1_000_001) * 0.1
    direct.SetStatus(generator, {"spike_times": times})
    (found,) = direct.GetStatus(generator, "spike_times")
    assert np.allclose(found, times)
    found[0] = 7.0


def test_page_and_jobs_show_what_a_client_has_running(
    direct: NESTServerClient, server: Server
) -> None:
    direct.Create("iaf_psc_alpha")
    error: list[BaseException] = []

    def simulate() -> None:
        try:
            direct.Simulate(ENDLESS_MS)
        except NESTServerError as raised:
            error.append(raised)

    thread = threading.Thread(target=simulate)
    thread.start()
    found = poll_until(
        lambda: [job for job in server.get("/jobs").json() if job["state"] == "running"],
        DEADLINE_S,
    )
    assert found is not None and found[0]["what"] == "Simulate"
    assert server.get("/").json()["state"] == "busy"
    assert server.request("DELETE", f"/jobs/{found[0]['id']}").status_code in (200, 202)
    thread.join(DEADLINE_S)
    assert [type(one).__name__ for one in error] == ["NESTServerError"]
    assert "was asked for" in str(error[0])


def test_many_threads_have_answers_of_their_own(direct: NESTServerClient) -> None:
    nodes = direct.Create("iaf_psc_alpha", 8)
    direct.SetStatus(nodes, [{"V_m": -70.0 + i} for i in range(8)])
    wrong = []

    def ask(index: int) -> None:
        for _ in range(50):
            (voltage,) = direct.GetStatus([index + 1], "V_m")
            if voltage != -70.0 + index:
                wrong.append((index, voltage))

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert wrong == []


KILLED = f"""
import nest_remote as nest
nest.connect("http://127.0.0.1:PORT")
assert nest._session.transport.direct is not None
nest.Create("iaf_psc_alpha")
print("begins")
nest.Simulate({ENDLESS_MS})
"""


def test_simulation_of_a_client_that_is_killed_ends(server: Server) -> None:
    with program(server, KILLED, terminal=False) as user:
        user.await_text("begins")
        assert poll_until(lambda: server.get("/").json()["state"] == "busy", DEADLINE_S)
        os.kill(user.process.pid, signal.SIGKILL)
        assert poll_until(lambda: server.get("/").json()["state"] == "idle", DEADLINE_S)
    assert "the caller of Simulate has gone; it is cancelled" in server.log()


FORKED = """
import multiprocessing
import nest_remote as nest
nest.connect("http://127.0.0.1:PORT")
assert nest._session.transport.direct is not None
nodes = nest.Create("iaf_psc_alpha", 4)
nodes.V_m = [-70.0, -69.0, -68.0, -67.0]

def read(index):
    return nodes[index].V_m

with multiprocessing.get_context("fork").Pool(4) as pool:
    assert pool.map(read, list(range(4)) * 20) == [-70.0, -69.0, -68.0, -67.0] * 20
assert nodes[3].V_m == -67.0
print("all right")
"""


def test_forked_processes_have_sockets_of_their_own(server: Server) -> None:
    with program(server, FORKED, terminal=False) as user:
        assert user.end() == 0, user.said
        assert user.said[0] == "all right\n"


def test_kernel_that_dies_is_told_of_and_the_next_one_is_found(
    start: Start, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(runtime.directory))
    client = NESTServerClient("127.0.0.1", server.port)
    assert client._transport.direct is not None
    client.Create("iaf_psc_alpha")
    pid = server.connection_info()["pid"]
    killer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(NESTServerError, match=r"signal 9|SIGKILL") as raised:
        client.Simulate(ENDLESS_MS)
    assert raised.value.status == 503
    assert logging.getLogger("protocol.channel").hasHandlers()

    def is_answered() -> bool:
        try:
            return bool(client.GetKernelStatus("network_size") == 0)
        except NESTServerError as error:
            assert error.status == 503
            return False

    assert poll_until(is_answered, DEADLINE_S), server.log()
    client.close()


@pytest.mark.parametrize("how", ["ipc", "file", "text"])
def test_server_is_named_by_its_connection_file(at_home: Server, how: str) -> None:
    path = at_home.runtime.directory / f"server-{at_home.port}" / "connection.json"
    places: dict[str, str | Path] = {"ipc": "ipc", "file": path, "text": str(path)}
    place = places[how]
    nest_remote.connect(place)
    transport = nest_remote._session.transport  # type: ignore[attr-defined]
    assert isinstance(transport, HttpTransport)
    assert transport.direct is not None
    assert transport.url == at_home.url
    assert nest_remote.GetKernelStatus("network_size") == 0  # type: ignore[attr-defined]
    # Again, to the same kernel: its objects stay.
    nodes = nest_remote.Create("iaf_psc_alpha")  # type: ignore[attr-defined]
    nest_remote.connect(place)
    assert nodes.V_m == -70.0
    nest_remote.disconnect()
    with pytest.raises(ConnectionError):
        nodes.get("V_m")


def test_place_without_a_server_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NESTD_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="no server of yours runs on this machine"):
        nest_remote.connect("ipc")
    with pytest.raises(ValueError, match=r"x\.json is no connection file"):
        nest_remote.connect(tmp_path / "x.json")


def test_headers_for_who_is_in_between_go_over_http(at_home: Server) -> None:
    client = NESTServerClient("127.0.0.1", at_home.port, headers={"X-Request-ID": "mine"})
    assert client._transport.direct is None
    client.close()
