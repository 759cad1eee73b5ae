"""A cluster that Slurm runs: its controller on one host, its daemon on others."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from protocol.process.polling import poll_until
from tests.cluster.hosts import DEADLINE_S, Hosts

#: Cores of each node, whatever the machine has.
CORES = 4

_CONFIGURATION = """
ClusterName=tests
SlurmctldHost={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/munge/socket
StateSaveLocation={directory}/state
SlurmctldPidFile={directory}/slurmctld.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdSpoolDir={directory}/spool-%n
SlurmdPidFile={directory}/slurmd-%n.pid
SlurmdLogFile={directory}/slurmd-%n.log
TmpFS={directory}/tmp-%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_min_interval=0
ReturnToService=2
KillWait=10
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """The daemons, which run until this is closed.

    Parameters
    ----------
    hosts : that exist
    controller : the host of the controller, on which users have their shells
    nodes : the hosts on which jobs run
    directory : for everything of Slurm's
    """

    def __init__(self, hosts: Hosts, controller: str, nodes: list[str], directory: Path) -> None:
        self._shell = hosts[controller].command
        self._directory = directory
        self._daemons: list[subprocess.Popen[bytes]] = []
        for name in ("munge", "state", *(f"{w}-{n}" for n in nodes for w in ("spool", "tmp"))):
            (directory / name).mkdir(mode=0o755)
        described = (
            f"NodeName={name} NodeAddr={hosts[name].address} CPUs={CORES}" for name in nodes
        )
        text = _CONFIGURATION.format(
            controller=controller, directory=directory, nodes="\n".join(described)
        )
        (directory / "slurm.conf").write_text(text)
        self._environment = {**os.environ, "SLURM_CONF": str(directory / "slurm.conf")}
        self._serve_munge()
        self._start(*self._shell, "slurmctld", "-D")
        for name in nodes:
            self._start(*hosts[name].command, "slurmd", "-D", "-N", name)
        wanted = f"{len(nodes)} idle"
        assert poll_until(lambda: self.run("sinfo", "-h", "-o", "%D %t") == wanted, DEADLINE_S)

    def _serve_munge(self) -> None:
        """By which Slurm's programs know each other; one is enough, as hosts share their files."""
        munge = self._directory / "munge"
        key = munge / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        options = {"key": "key-file", "socket": "socket", "pid": "pid-file", "seed": "seed-file"}
        places = [f"--{option}={munge / name}" for name, option in options.items()]
        self._start("munged", "--foreground", "--force", f"--log-file={munge}/log", *places)
        assert poll_until((munge / "socket").exists, DEADLINE_S)

    def _start(self, *command: str) -> None:
        with (self._directory / "daemons.log").open("ab") as output:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """What a command of Slurm prints, in a user's shell."""
        done = subprocess.run(
            [*self._shell, *command],
            env={**self._environment, **(env or {})},
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    def jobs(self) -> str:
        """Number and state of each job that has not ended."""
        return self.run("squeue", "-h", "-o", "%i %T")

    def close(self) -> None:
        """End all jobs, and the daemons."""
        self.run("scancel", "--user=root")
        poll_until(lambda: not self.jobs(), DEADLINE_S)
        for daemon in reversed(self._daemons):
            daemon.terminate()
            daemon.wait()
