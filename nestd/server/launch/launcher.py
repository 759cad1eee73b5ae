"""Command line that starts the kernel: Python alone, or under the MPI launcher."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from nestd.server.launch.loopback_bind import loopback_command
from protocol.errors import ConfigurationError
from protocol.process.identity import python_command

#: Set where a launcher may use several hosts.
_SEVERAL_HOSTS = (
    "OMPI_MCA_orte_default_hostfile",
    "PRTE_MCA_prte_default_hostfile",
    "SLURM_JOB_ID",
    "PBS_JOBID",
    "LSB_JOBID",
    "PE_HOSTFILE",
)
#: Set where the way that ranks talk is chosen already.
_CHOSEN_ELSEWHERE = ("OMPI_MCA_btl", "OMPI_MCA_pml", *_SEVERAL_HOSTS)


def kernel_command(ranks: int, arguments: list[str]) -> list[str]:
    """Return the command that starts ``nestd`` with ``arguments`` on ``ranks`` ranks.

    Raises
    ------
    ConfigurationError
        If several ranks are wanted and there is no MPI launcher.
    """
    nestd = python_command("nestd.cli", *arguments)
    if ranks == 1:
        return nestd
    command = [*launcher_command(ranks), *nestd]
    alone = not any(name in os.environ for name in _SEVERAL_HOSTS)
    return loopback_command(command) if alone and _is_open_mpi(_version(command[0])) else command


def launcher_command(ranks: int) -> list[str]:
    """Return the command that starts several ranks of the program that follows.

    Raises
    ------
    ConfigurationError
        If there is no MPI launcher.
    """
    launcher = shutil.which("mpirun") or shutil.which("mpiexec")
    if launcher is None:
        raise ConfigurationError(
            f"{ranks} ranks need MPI, and there is no mpirun; scripts/install-nest-mpi installs it "
            "together with a NEST that has MPI, on a cluster load its module"
        )
    return [launcher, "-np", str(ranks), *_options(launcher, ranks)]


def _options(launcher: str, ranks: int) -> list[str]:
    """Return the options that Open MPI needs; other launchers need none."""
    version = _version(launcher)
    if not _is_open_mpi(version):
        return []
    # Each rank may have threads; bound to one core they would share it.
    options = ["--bind-to", "none"]
    if os.geteuid() == 0:
        options.append("--allow-run-as-root")
    if ranks > len(os.sched_getaffinity(0)):
        options.append("--oversubscribe")
    is_old = re.search(r"open mpi\) [1-4]\.", version) is not None
    if is_old:
        # Ranks that stop end without waiting for each other inside MPI; Open MPI would add a page
        # about that to the log.
        options += ["--mca", "orte_allowed_exit_without_sync", "1"]
    if not any(name in os.environ for name in _CHOSEN_ELSEWHERE):
        # All ranks are here and share memory. Each would listen on all networks otherwise.
        shared = "vader" if is_old else "sm"
        options += ["--mca", "btl", f"self,{shared}"]
    return options


def _version(launcher: str) -> str:
    """Return what ``launcher --version`` prints, in lower case and without hyphens."""
    done = subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).lower().replace("-", " ")


def _is_open_mpi(version: str) -> bool:
    return "open mpi" in version
