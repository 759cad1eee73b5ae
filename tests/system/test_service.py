"""The services under a systemd that runs: hardened, restarted one by one, watched over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from protocol.process.polling import poll_until
from tests.integration.pending import ENDLESS_MS, pending
from tests.integration.servers import DEADLINE_S
from tests.system.services import Installation, Service, installed, running

# What systemd needs to be process 1 of namespaces is root's; nestd's own half of the notify
# protocol is tested without, in test_notify.py.
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be systemd's machine")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A machine on which the services are installed."""
    units = tmp_path_factory.mktemp("units")
    with installed(units) as found:
        yield found
    shutil.rmtree(units)


@pytest.fixture
def service(installation: Installation) -> Iterator[Service]:
    """Both services, running."""
    with running(installation) as found:
        yield found


def test_hardened_services_serve_calls_and_scripts(service: Service) -> None:
    index = service.get("/").json()
    # The sandbox of scripts works inside that of the service.
    assert (index["state"], index["scripts"]) == ("idle", "restricted")
    assert service.call("Create", ["iaf_psc_alpha", 3]) == [1, 2, 3]
    source = "nest.Simulate(10.0)\nt = nest.biological_time"
    reply = service.post("/exec", {"source": source, "return": "t"})
    assert reply.json() == {"data": 10.0}
    for unit in ("nestd", "nest-gateway"):
        assert service.at.property(unit, "ActiveState") == "active"
        status = service.at.processes(unit)
        # The gateway is one process below that of the service; nestd has more beside it.
        assert len(status) >= (2 if unit == "nest-gateway" else 3)
        for fields in status.values():
            assert fields["Uid"].split()[0] != "0"
            assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
            assert int(fields["CapBnd"], 16) == 0
    assert "NOT CONFINED" not in service.at.log("nestd")
    # The gateway sees the processes of the kernel.
    assert service.get("/readyz").status_code == 200
    assert 'nestd_rank_resident_memory_bytes{rank="0"}' in service.get("/metrics").text
    assert "Kernel" in service.at.property("nestd", "StatusText")
    # Nobody else can look into what they keep.
    shown = service.machine.run("find", "/run/nestd", "/etc/nestd/token", "-perm", "/077")
    assert shown == ""


def test_gateway_is_restarted_alone_and_refuses_no_caller(service: Service, tmp_path: Path) -> None:
    service.call("Create", ["iaf_psc_alpha", 5])
    stop = tmp_path / "stop"

    headers = {"NESTServerAuth": str(service.token)}

    def call_again_and_again() -> list[int]:
        found = []
        while not stop.exists():
            with requests.Session() as session:
                url = f"{service.url}/readyz"
                found.append(session.get(url, headers=headers, timeout=DEADLINE_S).status_code)
        return found

    pid = service.at.property("nest-gateway", "MainPID")
    kernel = service.at.property("nestd", "MainPID")
    with ThreadPoolExecutor(4) as threads:
        callers = [threads.submit(call_again_and_again) for _ in range(4)]
        try:
            service.at.systemctl("restart", "nest-gateway")
            service.at.systemctl("reload", "nest-gateway")
        finally:
            stop.touch()
        statuses = [status for caller in callers for status in caller.result(DEADLINE_S)]
    assert len(statuses) > 20
    assert set(statuses) == {200}
    assert service.at.property("nest-gateway", "MainPID") != pid
    assert service.at.property("nestd", "MainPID") == kernel
    # The same network, for the same token.
    assert service.call("GetKernelStatus", ["network_size"]) == 5
    assert "takes the place of" in service.at.log("nest-gateway")


def test_kernel_is_restarted_alone(service: Service) -> None:
    generation = service.get("/").json()["generation"]
    gateway = service.at.property("nest-gateway", "MainPID")
    service.at.systemctl("restart", "nestd")
    assert service.get("/").json()["generation"] != generation
    assert service.call("Create", ["iaf_psc_alpha"]) == [1]
    assert service.at.property("nest-gateway", "MainPID") == gateway


def is_simulating(service: Service) -> bool:
    """Whether a simulation is somewhere between its beginning and its end."""
    return any("progress" in job for job in service.get("/jobs").json())


def test_hung_kernel_is_ended_by_the_watchdog_and_another_one_comes(service: Service) -> None:
    info = service.connection_info()
    with pending(service) as send:
        service.call("Create", ["iaf_psc_alpha"])
        run = send("Simulate", [ENDLESS_MS])
        assert poll_until(lambda: is_simulating(service), DEADLINE_S)
        service.machine.run("kill", "-STOP", str(info["pid"]))
        reply = run.result(DEADLINE_S)
    assert reply.status_code == 503

    def is_back() -> bool:
        found = service.get("/").json()
        return found["generation"] not in (None, info["generation"])

    assert poll_until(is_back, DEADLINE_S), service.machine.logs()
    assert service.call("Create", ["iaf_psc_alpha"]) == [1]
    assert int(service.at.property("nestd", "NRestarts")) >= 1
    assert "signs of life are missing" in service.at.log("nestd")
