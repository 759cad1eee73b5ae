"""The scripts for Slurm, with a stand-in for srun that starts one task here."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from protocol.polling import poll_until
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port

SCRIPTS = Path(__file__).parents[2] / "scripts" / "slurm"
SRUN = '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n'


class Jobs:
    """Both scripts, in a directory of their own."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.directory = runtime.directory / "shared"
        programs = runtime.directory / "programs"
        programs.mkdir()
        (programs / "srun").write_text(SRUN)
        (programs / "srun").chmod(0o755)
        self.environment = runtime.environment(
            {
                "NESTD_CLUSTER_DIR": str(self.directory),
                "NESTD_PYTHON": runtime.python,
                "NESTD_INTERFACE": "127.0.0.1",
                "NESTD_SRUN_OPTIONS": "--mpi=pmix --cpu-bind=none",
                "PATH": f"{programs}:{os.environ['PATH']}",
            }
        )
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*command], env=self.environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._started.append(process)
        return process

    def submit(self) -> subprocess.Popen[bytes]:
        """A job that begins at once."""
        return self.start("bash", str(SCRIPTS / "nestd.sbatch"))

    def close(self) -> None:
        for process in self._started:
            process.terminate()
            process.wait(20)
        shutil.rmtree(self.directory)
        shutil.rmtree(self.runtime.directory / "programs")


@pytest.fixture
def jobs(runtime: Runtime) -> Iterator[Jobs]:
    made = Jobs(runtime)
    try:
        yield made
    finally:
        made.close()


def test_gateway_waits_for_a_job_outlives_it_and_serves_the_next(jobs: Jobs) -> None:
    port = free_port()
    jobs.start(str(SCRIPTS / "gateway"), "--port", str(port))
    server = Server(jobs.runtime, port, None)

    def answers() -> bool:
        try:
            return server.get("/healthz").ok
        except requests.ConnectionError:
            return False

    def is_ready() -> bool:
        return server.get("/readyz").status_code == 200

    assert poll_until(answers, DEADLINE_S)
    server.token = (jobs.directory / "token").read_text()
    assert stat.S_IMODE(jobs.directory.stat().st_mode) == 0o700
    reply = server.post("/api/Create", ["iaf_psc_alpha"])
    assert (reply.status_code, reply.json()["error"]) == (503, "KernelUnavailable")

    generations = []
    for _ in range(2):
        job = jobs.submit()
        assert poll_until(is_ready, DEADLINE_S)
        reply = server.post("/api/Create", ["iaf_psc_alpha"])
        assert (reply.status_code, reply.json()) == (200, [1])
        generations.append(reply.headers["NEST-Kernel-Generation"])
        # As Slurm does before a job's time is over.
        job.send_signal(signal.SIGTERM)
        assert job.wait(DEADLINE_S) == 0
        assert server.get("/readyz").status_code == 503
    assert len(set(generations)) == 2
    server.session.close()
    assert "is ready" in (jobs.directory / "nestd-0.log").read_text()
