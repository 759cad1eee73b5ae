"""The image serves as an engine would run it: alone, as compose.yaml has it, and as an MPI job."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from protocol.process.polling import poll_until
from tests.container.containers import ADDRESS, DEADLINE_S, Container, Options, running
from tests.container.dockerfile import compose_service
from tests.container.images import Image

#: What docker stop waits for, if not told otherwise.
GRACE_S = 10.0
#: The account that the Dockerfile makes.
UID = "990"
TOKEN = "the-token-of-the-container"


@pytest.fixture
def own(work: Path) -> Iterator[Path]:
    """An empty directory of a test's own, which goes with the session."""
    yield Path(tempfile.mkdtemp(dir=work))


class ClientDisconnect:
    """Calls the server in a container."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self.token: str | None = None
        (port,) = [step.rest for step in container.image.stage.steps if step.name == "EXPOSE"]
        #: By the interface of the container, as published ports are.
        self.url = f"http://{ADDRESS}:{port}"

    def request(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send a request, with the token if there is one."""
        headers = {"NESTServerAuth": self.token} if self.token else {}
        with self._container.network():
            return requests.request(
                method, self.url + path, json=body, headers=headers, timeout=DEADLINE_S
            )

    def call(self, name: str, body: Any = None) -> Any:
        """The result of a call, which has to succeed."""
        reply = self.request("POST", f"/api/{name}", body)
        assert reply.status_code == 200, (name, reply.status_code, reply.text)
        return reply.json()


def served(container: Container, token: str | None = None) -> ClientDisconnect:
    """Calls it once it is well, as the HEALTHCHECK finds, and nobody gets in without the token."""
    check = container.image.stage.health_command()

    def is_well() -> bool:
        assert container.process.poll() is None, container.output()
        return container.execute(check).returncode == 0

    assert poll_until(is_well, DEADLINE_S, 0.5), container.output()
    caller = ClientDisconnect(container)
    for method, path in (("POST", "/api/GetKernelStatus"), ("GET", "/"), ("POST", "/exec")):
        assert caller.request(method, path, []).status_code == 403, path
    if token is None:
        # It has made one, which those in the container see.
        shown = container.execute(["nest-server", "token"])
        assert shown.returncode == 0, shown.stderr
        token = shown.stdout.strip()
    caller.token = token

    def is_ready() -> bool:
        return caller.request("GET", "/readyz").status_code == 200

    assert poll_until(is_ready, DEADLINE_S, 0.5), container.output()
    return caller


def spikes(caller: ClientDisconnect) -> tuple[list[int], list[float]]:
    """Senders and times of spikes that four virtual processes compute."""
    caller.call("ResetKernel")
    caller.call("SetKernelStatus", [{"total_num_virtual_procs": 4, "rng_seed": 7}])
    assert caller.call("Create", ["iaf_psc_alpha", 20]) == list(range(1, 21))
    assert caller.call("Create", ["poisson_generator", 1, {"rate": 20000.0}]) == [21]
    assert caller.call("Create", ["spike_recorder"]) == [22]
    caller.call("Connect", [[21], list(range(1, 21)), "all_to_all", {"weight": 100.0}])
    caller.call("Connect", [list(range(1, 21)), [22]])
    caller.call("Simulate", [100.0])
    assert caller.call("GetKernelStatus", ["biological_time"]) == 100.0
    events = caller.call("GetStatus", [[22], "events"])[0]
    pairs = sorted(zip(events["times"], events["senders"], strict=True))
    assert len(pairs) > 50
    return [sender for _, sender in pairs], [time for time, _ in pairs]


def accounts(container: Container, capabilities: int | None) -> None:
    """No process of it is privileged."""
    found = container.processes()
    # Of the supervisor, the gateway and the kernel at least.
    assert len(found) >= 3
    for status in found.values():
        assert set(status["Uid"].split()) == {UID}, status
        assert int(status["CapEff"], 16) == 0, status
        if capabilities is not None:
            assert int(status["CapBnd"], 16) == capabilities, status
            assert status["NoNewPrivs"] == "1", status


def left_in(directory: Path) -> list[str]:
    """Files that are still there, logs aside."""
    return [str(path) for path in directory.rglob("*") if path.is_file() and path.suffix != ".log"]


@pytest.fixture(scope="session")
def on_one_rank(image: Image, work: Path) -> tuple[list[int], list[float]]:
    """What the image's own command computes; it is looked at meanwhile."""
    own_work = Path(tempfile.mkdtemp(dir=work))
    with running(image, own_work, Options()) as container:
        caller = served(container)
        index = caller.request("GET", "/").json()
        assert (index["ranks"], index["scripts"]) == (1, "restricted")
        accounts(container, None)
        found = spikes(caller)
        # Where recorders write.
        caller.call("Create", ["spike_recorder", 1, {"record_to": "ascii", "label": "kept"}])
        caller.call("Simulate", [10.0])
        assert list((container.volume / "files").glob("kept-*.dat"))
        # Its process 1 is the command itself.
        assert container.stop(GRACE_S) == 0, container.output()
    assert "NEST Server has stopped." in container.output()
    assert left_in(container.above / "run/nestd") == []
    return found


def test_image_serves_its_own_command(on_one_rank: tuple[list[int], list[float]]) -> None:
    senders, times = on_one_rank
    assert set(senders) == set(range(1, 21))
    assert times == sorted(times)


def test_compose_serves_two_ranks_read_only(
    image: Image, own: Path, on_one_rank: tuple[list[int], list[float]]
) -> None:
    service = compose_service()
    token = own / "nest-token"
    token.write_text(f"{TOKEN}\n")
    work = own / "container"
    work.mkdir()
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    options = Options(
        command=service["command"],
        environment=service["environment"],
        init=service["init"],
        tmpfs=service["tmpfs"],
        files={service["environment"]["NEST_SERVER_TOKEN_FILE"]: token},
        shm=service["shm_size"].removesuffix("b"),
        read_only=service["read_only"],
        confined=True,
    )
    with running(image, work, options) as container:
        caller = served(container, TOKEN)
        assert caller.request("GET", "/").json()["ranks"] == 2
        accounts(container, 0)
        assert spikes(caller) == on_one_rank
        script = {"source": "n = nest.Create('iaf_psc_alpha', 3)\nx = len(n)", "return": "x"}
        assert caller.request("POST", "/exec", script).json() == {"data": 3}
        assert caller.request("GET", "/desktop/").status_code == 200
        written = container.execute(["sh", "-c", "touch /opt/nestd/x; touch /usr/x; touch /data/x"])
        assert written.stderr.count("Read-only file system") == 2
        assert (container.volume / "x").exists()
        assert TOKEN not in container.output()
        grace_s = float(re.sub(r"s$", "", service["stop_grace_period"]))
        assert container.stop(grace_s) == 0, container.output()
    assert "NEST Server has stopped." in container.output()


def test_job_of_two_ranks_serves(
    image: Image, own: Path, on_one_rank: tuple[list[int], list[float]]
) -> None:
    options = Options(
        command=["mpirun", "-np", "2", "nest-server-mpi"],
        environment={"NEST_SERVER_ACCESS_TOKEN": TOKEN},
        init=True,
        shm="1g",
    )
    with running(image, own, options) as container:
        caller = served(container, TOKEN)
        assert caller.request("GET", "/").json()["ranks"] == 2
        accounts(container, None)
        assert spikes(caller) == on_one_rank
        # Of several programs that end, the launcher tells which.
        assert container.stop(60.0) in (0, 1), container.output()
        assert TOKEN not in container.output()
    assert left_in(container.above / "run/nestd") == []
