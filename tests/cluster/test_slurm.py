"""The scripts for Slurm, with a Slurm whose nodes are hosts of their own."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from protocol.process.polling import poll_until
from protocol.runtime import connection_file
from protocol.runtime.connection_file import ConnectionInfo
from tests.cluster.hosts import Host, Hosts
from tests.cluster.slurm import Slurm
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port

SCRIPTS = Path(__file__).parents[2] / "scripts" / "slurm"

#: A network whose spikes come from all ranks.
NETWORK = """
import nest
nest.total_num_virtual_procs = 4
neurons = nest.Create("iaf_psc_alpha", 40, {"I_e": 400.0})
recorder = nest.Create("spike_recorder")
nest.Connect(neurons, neurons, {"rule": "fixed_indegree", "indegree": 5}, {"weight": 40.0})
nest.Connect(neurons, recorder)
nest.Simulate(100.0)
events = recorder.events
spikes = sorted(zip(events["times"], events["senders"]))
"""


@pytest.fixture(scope="module")
def slurm(hosts: Hosts) -> Iterator[Slurm]:
    with tempfile.TemporaryDirectory(prefix="nestd-s-") as directory:
        made = Slurm(hosts, "desk", ["node0", "node1"], Path(directory))
        try:
            yield made
        finally:
            made.close()


class Site:
    """A user's directory on the cluster, and the gateway on the host of their shells."""

    def __init__(self, slurm: Slurm, desk: Host, runtime: Runtime) -> None:
        self.slurm = slurm
        self.directory = runtime.directory / "shared"
        self._desk = desk
        self.python = runtime.python
        self.environment = runtime.environment(
            {
                "NESTD_CLUSTER_DIR": str(self.directory),
                "NESTD_PYTHON": runtime.python,
                "NESTD_SRUN_OPTIONS": "--mpi=pmix --cpu-bind=none",
            }
        )
        self.server = Server(runtime, free_port(), None, desk.address)
        self._gateway: subprocess.Popen[bytes] | None = None

    def start_gateway(self) -> None:
        """Start it, and wait until it answers."""
        command = [*self._desk.command, str(SCRIPTS / "gateway")]
        command += ["--host", self._desk.address, "--port", str(self.server.port)]
        with (self.directory.parent / "gateway.log").open("ab") as output:
            self._gateway = subprocess.Popen(
                command, env=self.environment, stderr=output, start_new_session=True
            )
        assert poll_until(self._answers, DEADLINE_S)
        self.server.token = (self.directory / "token").read_text()

    def _answers(self) -> bool:
        try:
            return self.server.get("/healthz").ok
        except requests.ConnectionError:
            return False

    def submit(self, *options: str, **variables: str) -> str:
        """Have the job queued; its number."""
        output = f"--output={self.directory.parent}/job.log"
        command = ("sbatch", "--parsable", output, *options, str(SCRIPTS / "nestd.sbatch"))
        number = self.slurm.run(*command, env=self.environment | variables)
        assert number.isdigit(), number
        return number

    def is_ready(self) -> bool:
        return self.server.get("/readyz").status_code == 200

    def await_kernel(self) -> ConnectionInfo:
        """Wait until the gateway serves a job's kernel; what that says of itself."""
        assert poll_until(self.is_ready, 2 * DEADLINE_S), self.said()
        info = connection_file.read(self.directory / "connection.json")
        assert info is not None
        return info

    def said(self) -> str:
        """What is in all logs."""
        logs = [*self.directory.parent.glob("*.log"), *self.directory.glob("*.log")]
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')}" for log in logs)

    def await_end(self) -> None:
        """Wait until Slurm has no job left."""
        assert poll_until(lambda: not self.slurm.jobs(), DEADLINE_S), self.slurm.jobs()

    def close(self) -> None:
        self.slurm.run("scancel", "--user=root")
        self.await_end()
        self.server.session.close()
        if self._gateway is not None:
            self._gateway.terminate()
            self._gateway.wait(20)
        # Shown by pytest when a test has failed.
        print(self.said())
        for name in ("token", "keys", "jobs", "data") if self.directory.exists() else ():
            path = self.directory / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        left = [path for path in self.directory.glob("*") if path.suffix != ".log"]
        shutil.rmtree(self.directory, ignore_errors=True)
        assert left == []


@pytest.fixture
def site(slurm: Slurm, hosts: Hosts, runtime: Runtime) -> Iterator[Site]:
    made = Site(slurm, hosts["desk"], runtime)
    try:
        yield made
    finally:
        made.close()


def spikes(server: Server) -> Any:
    reply = server.post("/exec", {"source": NETWORK, "return": "spikes"})
    assert reply.ok, reply.text
    return reply.json()["data"]


def test_gateway_waits_for_a_job_outlives_it_and_serves_the_next(site: Site) -> None:
    site.start_gateway()
    assert stat.S_IMODE(site.directory.stat().st_mode) == 0o700
    number = site.submit("--hold", "--ntasks-per-node=2")
    reply = site.server.post("/api/Create", ["iaf_psc_alpha"])
    assert (reply.status_code, reply.json()["error"]) == (503, "KernelUnavailable")
    assert site.slurm.jobs() == f"{number} PENDING"

    site.slurm.run("scontrol", "release", number)
    first = site.await_kernel()
    assert [one.host for one in first.processes] == ["node0", "node0", "node1", "node1"]
    found = spikes(site.server)
    assert len({sender for _, sender in found}) > 20
    # Of the same name, so it begins when the first has ended.
    site.submit("--nodes=1", "--ntasks-per-node=1")
    site.slurm.run("scancel", number)
    assert poll_until(lambda: not site.is_ready(), DEADLINE_S)

    second = site.await_kernel()
    assert second.generation != first.generation
    assert len(second.processes) == 1
    assert site.server.call("network_size") == 0
    # One NEST, on however many hosts.
    assert spikes(site.server) == found
    log = (site.directory / f"nestd-{number}.log").read_text()
    assert "is ready" in log and f"kernel {first.generation} stops" in log


def test_rank_that_is_killed_ends_its_job_and_callers_are_told(site: Site) -> None:
    site.start_gateway()
    site.submit("--ntasks-per-node=1")
    info = site.await_kernel()
    os.kill(info.processes[1].process.pid, signal.SIGKILL)
    reply = site.server.post("/api/Simulate", [1e9])
    assert (reply.status_code, reply.json()["error"]) == (503, "KernelLost"), reply.text
    site.await_end()


def test_tasks_that_srun_starts_without_mpi_are_refused(site: Site) -> None:
    site.start_gateway()
    site.submit("--ntasks-per-node=1", NESTD_SRUN_OPTIONS="")
    site.await_end()
    assert "srun has started 2 tasks without MPI" in site.said()
    assert not (site.directory / "connection.json").exists()


def test_server_starts_in_a_shell_on_a_node(site: Site) -> None:
    command = f"{site.python} -m nestd.server.cli"
    started = f"{command} start -d && {command} status && {command} stop"
    said = site.slurm.run("srun", "--ntasks=1", "bash", "-c", started, env=site.environment)
    assert "52425 has stopped" in said, said
    # In which there is no room for two.
    started = f"{command} start -d -n 2"
    said = site.slurm.run("srun", "--ntasks=1", "bash", "-c", started, env=site.environment)
    assert "There are not enough slots available" in said, said
