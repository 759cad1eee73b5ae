"""MPI between the ranks: used at the start, to abort, and where ranks must meet around NEST.

No other module of the project imports mpi4py. Operations and answers travel over ZeroMQ
(``nestd/ranks/transport.py``), on which an idle rank sleeps; NEST has MPI to itself meanwhile.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from nestd.ranks.cores import Cores, let_ranks_give_way, let_threads_sleep
from protocol.errors import ConfigurationError

#: Variables with the number of started ranks, of Open MPI, MPICH and Intel MPI.
_SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS")


def launched_ranks() -> int:
    """Return the number of ranks this process was launched among; 1 without a launcher."""
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
    """Return the rank of this process, which is known before MPI is initialised."""
    if launched_ranks() == 1:
        return 0
    for name in _RANK_VARIABLES:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return 0


def check_launcher() -> None:
    """Check that this process knows of the others that it was started with.

    Raises
    ------
    ConfigurationError
        If srun has started several tasks without MPI, so that each would be a NEST of its own.
    """
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "")
    # Programs that a task starts have its variables, too.
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


#: Variables for a process without a launcher: it connects to none, and starts no launcher.
_ALONE = {"OMPI_MCA_btl": "self", "OMPI_MCA_ess_singleton_isolated": "1"}


def stay_alone() -> None:
    """Have MPI open no port in this only process, whose NEST may have MPI.

    This is to be called before NEST is imported. Open MPI would listen on all networks, and start
    a launcher that does. In a shell that srun has started it would also take this process for a
    task of srun, and fail if srun does not support its MPI.
    """
    if not any(name in os.environ for name in _RANK_VARIABLES[:-1]):
        os.environ.pop("SLURM_STEP_ID", None)
    for name, value in _ALONE.items():
        os.environ.setdefault(name, value)


def library_version() -> str:
    """Return the name and version of the MPI library in one line, without initialising MPI.

    Raises
    ------
    ImportError
        If mpi4py is missing, or its library.
    """
    import mpi4py

    mpi4py.rc.initialize = False
    from mpi4py import MPI

    return str(MPI.Get_library_version()).split(",")[0].split("\n")[0].strip("\0 ")


def load_library() -> Any:
    """Load mpi4py and the MPI library without initialising MPI, and return mpi4py's module.

    Raises
    ------
    ImportError
        If mpi4py is missing, or its library.
    """
    import mpi4py

    mpi4py.rc.initialize, mpi4py.rc.finalize = False, True
    from mpi4py import MPI

    return MPI


class MpiWorld:
    """All ranks of the job, on a communicator of our own.

    This is to be made before NEST is imported, which then uses the MPI that is initialised here,
    and to be used from the main thread only, as NEST asks MPI for no more.

    Raises
    ------
    ConfigurationError
        If mpi4py is missing.
    """

    def __init__(self) -> None:
        try:
            MPI = load_library()  # noqa: N806  # as it is named everywhere
            let_ranks_give_way()
            MPI.Init_thread(MPI.THREAD_FUNNELED)
        except ImportError as error:
            raise ConfigurationError(
                f"this is one of {launched_ranks()} ranks, but mpi4py can't be imported ({error}); "
                "scripts/install-nest-mpi installs it together with a NEST that has MPI"
            ) from error
        self._mpi = MPI
        self._communicator: Any = MPI.COMM_WORLD.Clone()
        self.rank: int = self._communicator.Get_rank()
        self.size: int = self._communicator.Get_size()
        own = Cores.of_this_process()
        let_threads_sleep(own, list(map(Cores.decode, self.gather(own.encode()))))

    def broadcast(self, data: bytes) -> bytes:
        """Return rank 0's ``data`` on every rank."""
        received: bytes = self._communicator.bcast(data if self.rank == 0 else None, root=0)
        return received

    def gather(self, data: bytes) -> list[bytes]:
        """Return every rank's ``data`` on every rank, in the order of ranks."""
        gathered: list[bytes] = self._communicator.allgather(data)
        return gathered

    def any_true(self, flag: bool) -> bool:
        """Return whether the flag of any rank is true; all ranks have to ask."""
        return bool(self._communicator.allreduce(flag, self._mpi.LOR))

    def of_rank_0(self, value: Any) -> Any:
        """Return the value of rank 0; all ranks have to ask."""
        return self._communicator.bcast(value, root=0)

    def exchange_nothing(self) -> None:
        """Take part in what the others exchange in TripartiteConnect, with nothing to give.

        NEST's ThirdInBuilder has all ranks tell how many pairs of nodes they have for one of the
        others at most, and then exchange two ids of 64 bits for each, as unsigned ints of 32.
        """
        nest = self._mpi.COMM_WORLD
        # NumPy's libraries begin threads when they are imported, which only nestd/cli.py prevents.
        import numpy as np

        counts = np.zeros(self.size, np.int64)
        nest.Allgather([np.zeros(1, np.int64), self._mpi.LONG], [counts, self._mpi.LONG])
        most = int(counts.max())
        if most:
            pairs = np.zeros(self.size * most * 4, np.uint32)
            received = np.zeros_like(pairs)
            nest.Alltoall([pairs, self._mpi.UNSIGNED], [received, self._mpi.UNSIGNED])

    def abort(self, code: int) -> NoReturn:
        """End all ranks of the job at once."""
        self._communicator.Abort(code)
        os._exit(code)


def leave(code: int) -> NoReturn:
    """End this rank at once, without waiting for others inside MPI."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
