"""What a server survives, what it leaves behind, and that it answers while NEST computes."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import requests

from protocol.process.polling import poll_until
from tests.integration.limits import no_more_files
from tests.integration.pending import (
    await_taken,
    await_waiting,
    begin_endless_run,
    kill,
    pending,
    post,
    processes,
    supervisor,
)
from tests.integration.servers import (
    DEADLINE_S,
    Runtime,
    Server,
    Start,
    marked_processes,
    start_server,
)


def has_large_pages(pid: int) -> bool:
    """Whether the system may give the heap of a process large pages."""
    maps = Path(f"/proc/{pid}/smaps").read_text()
    flags = re.search(r"\[heap\].*?VmFlags: ([^\n]*)", maps, re.DOTALL)
    assert flags is not None
    return "hg" in flags[1].split()


def test_the_kernel_alone_has_large_pages(server: Server) -> None:
    assert server.post("/exec", {"source": "found = 1"}).status_code == 200
    (kernel,) = processes(server, "nestd.cli")
    # Those of scripts know nothing of the test.
    others = Path(f"/proc/{kernel}/task/{kernel}/children").read_text().split()
    assert others
    found = {*marked_processes(server.runtime.mark), *map(int, others)}
    assert {pid for pid in found if has_large_pages(pid)} == {kernel}


def test_killed_gateway_comes_back_to_the_same_network(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha", 5])
    generation = server.connection_info()["generation"]
    (gateway,) = processes(server, "gateway")

    kill(gateway)
    # Sent while nobody is there to take it; the port stayed open all the same.
    reply = post(server, "GetKernelStatus", ["network_size"])
    assert (reply.status_code, reply.json()) == (200, 5)
    assert reply.headers["NEST-Kernel-Generation"] == generation
    assert gateway not in processes(server, "gateway")
    reply = post(server, "Create", ["iaf_psc_alpha"])
    assert (reply.status_code, reply.json()) == (200, [6])


def test_connections_wait_while_the_gateway_gets_no_file_descriptors(start: Start) -> None:
    server = start()
    gateway = processes(server, "gateway")
    with pending(server) as send:
        run = begin_endless_run(server, send)
        with no_more_files(gateway):
            # On a connection of its own, for which there is no room.
            late = send("biological_time")
            said = "new connections wait: Too many open files"
            assert poll_until(lambda: said in server.log(), DEADLINE_S)
            assert not run.done()
        assert server.request("DELETE", f"/jobs/{server.get('/jobs').json()[0]['id']}").ok
        assert run.result().json()["error"] == "Cancelled"
        assert late.result().status_code == 200
    assert processes(server, "gateway") == gateway


def test_gateway_killed_in_a_run_leaves_the_run_alone(server: Server) -> None:
    generation = server.connection_info()["generation"]
    server.call("Create", ["iaf_psc_alpha"])
    with pending(server) as send:
        run = send("Simulate", [100_000.0])
        await_taken(server, 1)
        kill(*processes(server, "gateway"))
        assert isinstance(run.exception(), requests.ConnectionError)
        # Taken up behind the run, which therefore has been executed to its end.
        reply = post(server, "biological_time")
    assert (reply.status_code, reply.json()) == (200, 100_000.0)
    assert reply.headers["NEST-Kernel-Generation"] == generation


def test_nothing_outlives_a_killed_supervisor_and_its_port_can_be_used_again(
    start: Start, runtime: Runtime
) -> None:
    server = start()
    with pending(server) as send:
        run = begin_endless_run(server, send)
        kill(supervisor(server))
        assert poll_until(lambda: not marked_processes(runtime.mark), DEADLINE_S)
        assert isinstance(run.exception(), requests.ConnectionError)

    assert runtime.run("status").returncode == 3
    again = start_server(runtime, port=server.port)
    assert again.call("Create", ["iaf_psc_alpha"]) == [1]
    again.stop()


def test_caller_that_waits_while_the_server_is_stopped_gets_503(start: Start) -> None:
    server = start()
    with pending(server) as send:
        run = begin_endless_run(server, send)
        server.stop()
        reply = run.result()
    assert reply.status_code == 503
    assert reply.json()["error"] == "KernelLost"
    assert "the kernel was stopped during Simulate" in reply.json()["message"]
    assert reply.json()["call"] == "Simulate"


def test_call_of_a_client_that_hangs_up_is_executed(server: Server) -> None:
    server.call("Create", ["iaf_psc_alpha"])
    body = b"[30000.0]"
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE_S) as client:
        client.sendall(
            b"POST /api/Simulate HTTP/1.1\r\nHost: localhost\r\n"
            + f"NESTServerAuth: {server.token}\r\n".encode()
            + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        await_waiting(server, 1)
    assert server.call("biological_time") == 30_000.0
    assert server.get("/").json()["state"] == "idle"


def test_surplus_callers_get_503_at_once_and_accepted_ones_their_answers(start: Start) -> None:
    server = start({"NEST_SERVER_QUEUE_LIMIT": "3"})
    pid = server.connection_info()["pid"]
    with pending(server) as send:
        # A suspended kernel takes as long as the test needs.
        os.kill(pid, signal.SIGSTOP)
        try:
            accepted = []
            for number in (1, 2, 3):
                accepted.append(send("Create", ["iaf_psc_alpha"]))
                await_waiting(server, number)
            surplus = [send("Create", ["iaf_psc_alpha"]) for _ in range(8)]
            refused = [call.result() for call in surplus]
            answers = [server.get(path).status_code for path in ("/", "/healthz", "/readyz")]
            assert not any(call.done() for call in accepted)
        finally:
            os.kill(pid, signal.SIGCONT)
        created = [call.result() for call in accepted]
    for reply in refused:
        assert reply.status_code == 503
        assert reply.json()["error"] == "QueueFull"
        assert int(reply.headers["Retry-After"]) > 0
    assert answers == [200, 200, 200]
    assert sorted(reply.json() for reply in created) == [[1], [2], [3]]
    assert server.call("GetKernelStatus", ["network_size"]) == 3


def test_slow_clients_keep_nobody_waiting(start: Start) -> None:
    # With few threads for those that wait for the kernel, so that 40 clients are many.
    server = start({"NEST_SERVER_QUEUE_LIMIT": "1"})
    half = b"POST /api/Create HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n[1,"
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    try:
        for number, client in enumerate(slow):
            client.sendall(half if number % 2 else half[:20])
        assert [server.call("Create", ["iaf_psc_alpha"]) for _ in range(3)] == [[1], [2], [3]]
        assert requests.get(f"{server.url}/healthz", timeout=DEADLINE_S).status_code == 200
    finally:
        for client in slow:
            client.close()


def test_neither_time_limits_nor_workers_touch_the_one_kernel(start: Start) -> None:
    server = start({"NEST_SERVER_TIMEOUT": "1", "NEST_SERVER_WORKERS": "4"}, "-t", "1", "-w", "4")
    generation = server.connection_info()["generation"]
    with pending(server) as send:
        creations = [send("Create", ["iaf_psc_alpha"]) for _ in range(24)]
        replies = [call.result() for call in creations]
    assert sorted(reply.json()[0] for reply in replies) == list(range(1, 25))

    server.call("ResetKernel")
    server.call("Create", ["iaf_psc_alpha"])
    simulated_ms, took_s = 150_000.0, 0.0
    while took_s < 1.5:
        simulated_ms *= 2
        run = post(server, "Simulate", [simulated_ms])
        assert run.status_code == 200
        took_s = run.elapsed.total_seconds()
    replies.append(run)
    assert {reply.headers["NEST-Kernel-Generation"] for reply in replies} == {generation}
    assert server.call("Create", ["iaf_psc_alpha"]) == [2]
    assert len(processes(server, "nestd.cli")) == 1
