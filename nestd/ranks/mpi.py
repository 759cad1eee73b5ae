"""The only module that speaks MPI: who the ranks are, and how a job ends.

MPI is used to meet at the start and to abort. Operations and answers travel over ZeroMQ
(``nestd/ranks/transport.py``), on which an idle rank sleeps; NEST has MPI to itself meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

from nestd.ranks.cores import Cores, let_ranks_give_way, let_threads_sleep
from protocol.errors import ConfigurationError

#: Where launchers say how many ranks they started: Open MPI, MPICH and Intel MPI, Slurm's PMIx.
_SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS")


def launched_ranks() -> int:
    """Number of ranks this process was launched among; 1 without a launcher."""
    for name in _SIZE_VARIABLES:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    # srun sets this for every program, so it counts only together with its MPI support.
    if "PMIX_RANK" in os.environ or "PMI_RANK" in os.environ:
        value = os.environ.get("SLURM_STEP_NUM_TASKS", "")
        return int(value) if value.isdigit() else 1
    return 1


_RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")


def launched_rank() -> int:
    """Rank of this process among those it was launched with, known before MPI is."""
    if launched_ranks() == 1:
        return 0
    for name in _RANK_VARIABLES:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return 0


def check_launcher() -> None:
    """Whether this process knows of the others that it was started with.

    Raises
    ------
    ConfigurationError
        If srun has started several without MPI, so that each would be a NEST of its own.
    """
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "")
    # All that a task starts has its variables, too.
    if launched_ranks() == 1 and tasks.isdigit() and int(tasks) > 1 and _is_task_of_slurm():
        raise ConfigurationError(
            f"srun has started {tasks} tasks without MPI, each of which would be a network of its "
            "own: give it --mpi=pmix (scripts/slurm/nestd.sbatch by NESTD_SRUN_OPTIONS), or what "
            "else srun --mpi=list names for this MPI"
        )


def _is_task_of_slurm() -> bool:
    try:
        return Path(f"/proc/{os.getppid()}/comm").read_text().startswith("slurmstepd")
    except OSError:
        return False


#: For a process without a launcher: it talks to nobody, and starts no launcher of its own.
_ALONE = {"OMPI_MCA_btl": "self", "OMPI_MCA_ess_singleton_isolated": "1"}


def stay_alone() -> None:
    """Have MPI open no port, should the NEST of this only process bring it along.

    To be called before NEST is imported. Open MPI would listen on all networks, and start a
    launcher that does. In a shell that srun has started it would take this process for one of
    srun's as well, and give up without its support for MPI.
    """
    if not any(name in os.environ for name in _RANK_VARIABLES[:-1]):
        os.environ.pop("SLURM_STEP_ID", None)
    for name, value in _ALONE.items():
        os.environ.setdefault(name, value)


def library_version() -> str:
    """What the MPI library says it is, in one line; MPI is not initialised.

    Raises
    ------
    ImportError
        If mpi4py is missing, or its library.
    """
    import mpi4py

    mpi4py.rc.initialize = False
    from mpi4py import MPI

    return str(MPI.Get_library_version()).split(",")[0].split("\n")[0].strip("\0 ")


class MpiWorld:
    """All ranks of the job, on a communicator of our own.

    To be made before NEST is imported, which then uses the MPI that is initialised here; and
    used from the main thread only, as NEST asks MPI for no more.

    Raises
    ------
    ConfigurationError
        If mpi4py is missing.
    """

    def __init__(self) -> None:
        try:
            import mpi4py

            mpi4py.rc.thread_level = "funneled"
            let_ranks_give_way()
            from mpi4py import MPI
        except ImportError as error:
            raise ConfigurationError(
                f"this is one of {launched_ranks()} ranks, but mpi4py can't be imported ({error}); "
                "scripts/install-nest-mpi installs it together with a NEST that has MPI"
            ) from error
        self._communicator: Any = MPI.COMM_WORLD.Clone()
        self.rank: int = self._communicator.Get_rank()
        self.size: int = self._communicator.Get_size()
        own = Cores.of_this_process()
        let_threads_sleep(own, [Cores.decode(one) for one in self.gather(own.encode())])

    def share(self, data: bytes) -> bytes:
        """Rank 0's ``data`` on every rank."""
        shared: bytes = self._communicator.bcast(data if self.rank == 0 else None, root=0)
        return shared

    def gather(self, data: bytes) -> list[bytes]:
        """Every rank's ``data`` on every rank, in the order of ranks."""
        gathered: list[bytes] = self._communicator.allgather(data)
        return gathered

    def abort(self, code: int) -> NoReturn:
        """End all ranks of the job at once."""
        self._communicator.Abort(code)
        os._exit(code)
