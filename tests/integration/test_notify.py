"""What the halves of a server say to a service manager, and when they say nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from protocol.process.polling import poll_until
from tests.integration.managers import Manager, abstract_address
from tests.integration.pending import begin_endless_run, pending
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port

TOKEN = "the-token-of-the-service"
#: A sign of life is due four times in this.
WATCHDOG = {"WATCHDOG_USEC": str(12_000_000)}


@pytest.fixture
def manager() -> Iterator[Manager]:
    found = Manager(abstract_address())
    yield found
    found.close()


@pytest.fixture
def gateway_manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(str(tmp_path / "notify"))
    yield found
    found.close()


def test_halves_say_when_they_serve_and_when_they_stop(
    runtime: Runtime, manager: Manager, gateway_manager: Manager
) -> None:
    port = str(free_port())
    connection_file = runtime.directory / f"server-{port}" / "connection.json"
    token = runtime.directory / "given.log"
    token.write_text(TOKEN)
    env = {"NEST_SERVER_TOKEN_FILE": str(token)}
    with gateway_manager.starting(runtime, "gateway", "-p", port, env=env) as gateway:
        gateway_manager.await_line("READY=1")
        server = Server(runtime, int(port), TOKEN)
        # It answers while there is no kernel.
        assert server.get("/readyz").status_code == 503
        assert server.get("/").json()["state"] == "starting"
        with manager.starting(runtime, "kernel", "-p", port) as kernel:
            manager.await_line("READY=1")
            assert connection_file.exists()
            assert server.get("/readyz").status_code == 200
            assert server.call("Create", ["iaf_psc_alpha"]) == [1]
            # A second kernel in the same place would take the first one's callers.
            second = runtime.run("kernel", "-p", port)
            assert second.returncode == 78
            assert "there is a kernel" in second.stderr

            kernel.terminate()
            assert kernel.wait(DEADLINE_S) == 0
            manager.await_line("STOPPING=1")
            # The manager is asked for the time that what runs may take.
            assert "EXTEND_TIMEOUT_USEC=60000000" in manager.lines
        assert server.get("/readyz").status_code == 503
        assert not connection_file.exists()
        # No sign of life is given to who has not asked for it.
        assert "WATCHDOG=1" not in manager.lines + gateway_manager.lines
        server.session.close()
        gateway.terminate()
        assert gateway.wait(DEADLINE_S) == 0
    log = (runtime.directory / "kernel.log").read_text()
    assert "nestd was stopped at the stage drain" in log
    # What is left is for the next one: results of jobs, and files that NEST has written.
    (left,) = runtime.directory.glob("server-*")
    assert sorted(path.name for path in left.iterdir()) in (["data"], ["data", "jobs"])
    for path in left.rglob("*"):
        path.rmdir()
    left.rmdir()


def test_watchdog_is_fed_while_commands_can_be_served_or_progress(
    runtime: Runtime, manager: Manager
) -> None:
    port = str(free_port())
    env = {**WATCHDOG, "NEST_SERVER_ACCESS_TOKEN": TOKEN, "NEST_SERVER_DRAIN": "0"}

    def count(number: int) -> bool:
        before = manager.lines.count("WATCHDOG=1")

        def look() -> bool:
            manager.receive()
            return manager.lines.count("WATCHDOG=1") >= before + number

        return bool(poll_until(look, DEADLINE_S))

    with manager.starting(runtime, "start", "-o", "-p", port, env=env) as process:
        manager.await_line("READY=1")
        server = Server(runtime, int(port), TOKEN)
        log = runtime.directory / "start.log"
        assert count(2), "an idle kernel is alive"
        with pending(server) as send:
            run = begin_endless_run(server, send)
            assert count(2), "a simulation that goes on is alive"
            info = server.connection_info()
            os.kill(info["pid"], signal.SIGSTOP)
            try:
                # Two looks without a sign, so that none is on its way.
                assert poll_until(lambda: "signs of life are missing" in log.read_text(), 60.0)
                assert server.get("/healthz").status_code == 200
            finally:
                os.kill(info["pid"], signal.SIGCONT)
            assert count(1), "a kernel that goes on is alive again"
            process.terminate()
            assert run.result(DEADLINE_S).status_code == 503
        server.session.close()
        assert process.wait(DEADLINE_S) == 0


def test_listening_sockets_are_kept_for_the_next_gateway(
    runtime: Runtime, gateway_manager: Manager
) -> None:
    port = free_port()
    env = {"NEST_SERVER_ACCESS_TOKEN": TOKEN}
    url = f"http://127.0.0.1:{port}/healthz"
    with gateway_manager.starting(runtime, "gateway", "-p", str(port), env=env) as first:
        gateway_manager.await_line("READY=1")
        assert [name for name, _ in gateway_manager.kept] == [f"port-{port}"] * 2
        first.terminate()
        assert first.wait(DEADLINE_S) == 0
    # Nobody serves, but whoever calls waits.
    with pending(Server(runtime, port, TOKEN)) as send:
        waits = send("../healthz")
        gateway_manager.lines.clear()
        with gateway_manager.starting(runtime, "gateway", "-p", str(port), env=env) as second:
            gateway_manager.await_line("READY=1")
            assert waits.result(DEADLINE_S).status_code == 405
            assert requests.get(url, timeout=DEADLINE_S).json() == {"alive": True}
            # The same sockets, so nothing new is to be kept.
            assert not any(line.startswith("FDSTORE=") for line in gateway_manager.lines)
            second.terminate()
            assert second.wait(DEADLINE_S) == 0
        # After a change of settings the old port is let go of.
        gateway_manager.lines.clear()
        other = str(free_port())
        with gateway_manager.starting(runtime, "gateway", "-p", other, env=env) as third:
            gateway_manager.await_line("READY=1")
            assert {"FDSTOREREMOVE=1", f"FDNAME=port-{port}"} <= set(gateway_manager.lines)
            third.terminate()
            assert third.wait(DEADLINE_S) == 0
    for left in runtime.directory.glob("server-*"):
        (left / "data").rmdir()
        left.rmdir()
