"""Services on two ranks under a systemd that runs: of the system and of a user, fully confined."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
import requests

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, free_port
from tests.system.services import Installation, Service, await_end, installed, running, user_manager

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be systemd's machine")


@pytest.fixture(scope="module")
def installations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Installation]]:
    """One machine on which the services of the system and those of a user are installed."""
    units = tmp_path_factory.mktemp("units")
    with installed(units) as system, user_manager(system.machine, units) as user:
        yield {"system": system, "user": user}
    shutil.rmtree(units)


@pytest.fixture(params=["system", "user"])
def where(request: pytest.FixtureRequest, installations: dict[str, Installation]) -> Installation:
    """Each of them, whose servers have two ranks."""
    found = installations[request.param]
    path = f"{found.settings}/nestd.env"
    found.run("sed", "-i", "s/^#NEST_SERVER_RANKS=1/NEST_SERVER_RANKS=2/", path)
    return found


def generation(service: Service) -> str | None:
    """Of the kernel that answers; none while there is none."""
    found: str | None = service.get("/").json()["generation"]
    return found


@pytest.mark.parametrize("templates", [False, True])
def test_two_ranks_serve_come_back_and_stop(where: Installation, templates: bool) -> None:
    instance = ""
    if templates:
        port = free_port()
        where.write(f"{where.settings}/{port}.env", "NEST_SERVER_RANKS=2\n")
        instance = f"@{port}"
    with running(where, instance) as service:
        assert requests.get(service.url, timeout=DEADLINE_S).status_code == 403
        assert service.get("/").json()["ranks"] == 2
        check_walls(service)
        check_answers(service)

        info = service.connection_info()
        ranks = [process["pid"] for process in info["processes"]]
        assert len(set(ranks)) == 2
        assert set(ranks) <= set(where.processes(service.unit("nestd")))
        where.run("kill", "-KILL", str(ranks[1]))
        assert poll_until(
            lambda: generation(service) not in (None, info["generation"]), DEADLINE_S
        ), where.log("nestd")
        # Nothing of the kernel before is left beside the new one.
        left = where.processes(service.unit("nestd"))
        assert not set(ranks) & set(left)
        assert service.get("/").json()["ranks"] == 2
        check_answers(service)

        where.systemctl("stop", service.unit("nestd"))
        assert where.property(service.unit("nestd"), "Result") == "success"
        assert where.property(service.unit("nestd"), "ExecMainStatus") == "0"
        assert await_end(service, "nestd")
        assert service.post("/api/Create", ["iaf_psc_alpha"]).status_code == 503
        where.systemctl("stop", service.unit("nest-gateway"))
        assert where.property(service.unit("nest-gateway"), "Result") == "success"
        assert await_end(service, "nest-gateway")
        # Only what the gateway keeps of its own may stay.
        shown = where.run(
            "find", f"{where.runtime}/server-{service.port}", "-type", "s", check=False
        )
        assert ".sock" not in shown
    if templates:
        where.run("rm", f"{where.settings}/{instance[1:]}.env")


def check_answers(service: Service) -> None:
    """Both ranks have their part in what is computed."""
    service.call("ResetKernel")
    assert service.call("Create", ["iaf_psc_alpha", 4, {"I_e": 1000.0}]) == [1, 2, 3, 4]
    assert service.call("Create", ["spike_recorder"]) == [5]
    service.call("Connect", [[1, 2, 3, 4], [5]])
    service.call("Simulate", [50.0])
    events = service.call("GetStatus", [[5], "events"])[0]
    assert set(events["senders"]) == {1, 2, 3, 4}
    # All alike, wherever they are.
    times = [
        [t for t, n in zip(events["times"], events["senders"], strict=True) if n == of]
        for of in (1, 2, 3, 4)
    ]
    assert times[0]
    assert times == [times[0]] * 4
    reply = service.post(
        "/exec", {"source": "nest.Simulate(10.0)\nt = nest.biological_time", "return": "t"}
    )
    assert reply.json() == {"data": 60.0}


def check_walls(service: Service) -> None:
    """No process of it, the launcher and all ranks included, has a way out."""
    is_of_system = service.at.runtime == "/run/nestd"
    for name in ("nestd", "nest-gateway"):
        found = service.at.processes(service.unit(name))
        assert len(found) >= (4 if name == "nestd" else 2)
        for fields in found.values():
            assert fields["Uid"].split()[0] != "0"
            assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
            if is_of_system:
                assert int(fields["CapBnd"], 16) == 0
