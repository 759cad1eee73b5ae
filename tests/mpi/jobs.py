"""MPI jobs of ``nest-server-mpi`` that a test starts itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import requests

from nestd.server.launch.launcher import launcher_command
from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, Server

Job = subprocess.Popen[str]
Launch = Callable[..., Job]

TOKEN = "the-token-of-the-job"


@pytest.fixture
def launch(runtime: Runtime) -> Iterator[Launch]:
    """``launch(ranks, port, env=None)`` starts a job of the test's own, which ends with the test.

    Without ``env`` it asks for ``TOKEN``, without ``port`` its environment says the port.
    """
    jobs: list[Job] = []

    def begin(ranks: int, port: int | None, env: dict[str, str] | None = None) -> Job:
        launcher = [] if ranks == 1 else launcher_command(ranks)
        server = [sys.executable, "-m", "nestd.server.mpi_cli"]
        if port is not None:
            server += ["--port", str(port)]
        job = subprocess.Popen(
            [*launcher, *server],
            env=runtime.environment({"NEST_SERVER_ACCESS_TOKEN": TOKEN} if env is None else env),
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


def answering(
    job: Job, runtime: Runtime, port: int, token: str | None = TOKEN, host: str = "127.0.0.1"
) -> Server:
    """The server of ``job``, once it answers."""
    server = Server(runtime, port, token, host)

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
