"""What ``nest-server-mpi`` does as an MPI job of its own, and that such a job ends as a whole."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import requests

from nestd.server.launcher import launcher_command
from protocol.polling import poll_until
from tests.integration.pending import begin_endless_run, pending
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port, marked_processes

Job = subprocess.Popen[str]
Launch = Callable[[int, int], Job]

TOKEN = "of-the-job"


@pytest.fixture
def launch(runtime: Runtime) -> Iterator[Launch]:
    """``launch(ranks, port)`` starts a job of the test's own, which ends with the test."""
    jobs: list[Job] = []

    def begin(ranks: int, port: int) -> Job:
        launcher = [] if ranks == 1 else launcher_command(ranks)
        server = [sys.executable, "-m", "nestd.server.mpi_cli", "--port", str(port)]
        job = subprocess.Popen(
            [*launcher, *server],
            env=runtime.environment({"NEST_SERVER_ACCESS_TOKEN": TOKEN}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        jobs.append(job)
        return job

    yield begin
    for job in jobs:
        job.terminate()
        try:
            job.communicate(timeout=DEADLINE_S)
        finally:
            job.kill()


def answering(job: Job, runtime: Runtime, port: int) -> Server:
    """The server of ``job``, once it answers."""
    server = Server(runtime, port, TOKEN)

    def look() -> bool:
        try:
            return job.poll() is not None or server.get("/healthz").ok
        except requests.ConnectionError:
            return False

    assert poll_until(look, DEADLINE_S)
    assert job.poll() is None, job.communicate()[0]
    state = runtime.directory / f"server-{port}" / "connection.json"
    assert poll_until(lambda: state.exists() or job.poll() is not None, DEADLINE_S)
    return server


@pytest.mark.parametrize("ranks", [1, 2])
def test_job_answers_and_ends_with_everything_it_started(
    launch: Launch, runtime: Runtime, ranks: int
) -> None:
    port = free_port()
    job = launch(ranks, port)
    server = answering(job, runtime, port)
    assert server.call("Create", ["iaf_psc_alpha", 4]) == [1, 2, 3, 4]
    server.call("Simulate", [10.0])
    assert server.call("GetStatus", [[1, 2, 3, 4], "C_m"]) == [250.0] * 4
    assert server.get("/").json()["ranks"] == ranks
    server.session.close()

    job.terminate()
    said, _ = job.communicate(timeout=DEADLINE_S)
    assert f"NEST Server is now running at http://127.0.0.1:{port}." in said
    assert runtime.leftovers() == []
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=DEADLINE_S)


@pytest.mark.parametrize("ranks", [1, 2])
def test_job_whose_port_is_taken_says_so_and_ends(
    launch: Launch, runtime: Runtime, ranks: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        job = launch(ranks, port)
        said, _ = job.communicate(timeout=DEADLINE_S)
    assert job.returncode == 4, said
    (sentence,) = [line for line in said.splitlines() if line.startswith("nest-server-mpi: ")]
    assert f"Port {port} on 127.0.0.1 is taken" in sentence
    assert "Traceback" not in said
    assert runtime.leftovers() == []


@pytest.mark.parametrize(
    ("whom", "sig"),
    [
        ("rank 0", signal.SIGKILL),
        ("rank 1", signal.SIGKILL),
        ("launcher", signal.SIGTERM),
        ("launcher", signal.SIGKILL),
    ],
)
def test_job_ends_as_a_whole_in_a_run_and_the_next_takes_its_place(
    launch: Launch, runtime: Runtime, whom: str, sig: signal.Signals
) -> None:
    port = free_port()
    job = launch(2, port)
    server = answering(job, runtime, port)
    ranks = [process["pid"] for process in server.connection_info()["processes"]]
    pids = {"rank 0": ranks[0], "rank 1": ranks[1], "launcher": job.pid}
    with pending(server) as send:
        run = begin_endless_run(server, send)
        os.kill(pids[whom], sig)
        job.communicate(timeout=DEADLINE_S)
        assert poll_until(lambda: not marked_processes(runtime.mark), DEADLINE_S)
        lost = run.exception()
    if lost is None:
        assert run.result().status_code == 503
        assert "its network" in run.result().json()["message"]
        assert "new kernel" not in run.result().text
    else:
        assert isinstance(lost, requests.ConnectionError)
    assert job.returncode != 0
    server.session.close()

    # Nobody was left to clear away its files; the next job on its port does.
    again = launch(2, port)
    server = answering(again, runtime, port)
    assert server.call("Create", ["iaf_psc_alpha"]) == [1]
    server.session.close()
    again.terminate()
    again.communicate(timeout=DEADLINE_S)
    assert runtime.leftovers() == []
