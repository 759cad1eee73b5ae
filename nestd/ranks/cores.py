"""Waiting of threads and ranks that share cores.

NEST's threads meet at barriers many times in each step of min_delay. There they spin for up to
milliseconds, as OpenMP takes the cores for its own. OpenMP does not spin when a process has more
threads than cores, but knows nothing of other processes. Where two ranks have four threads each on
two cores, the threads that others wait for hardly get a core, and a simulation of seconds takes
for ever.

Ranks that wait for each other inside MPI spin, too. Open MPI has them give way when there are
more ranks than cores. With as many ranks as cores, no core is left for the gateway and other
programs: when one of these gets a core all the same, it keeps a rank from computing, and the other
ranks spin meanwhile.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

#: Variables that set how threads wait; a user who has set one of them has decided.
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")

#: Variable that has ranks that wait inside Open MPI give way; a user may have set it.
GIVE_WAY = "OMPI_MCA_mpi_yield_when_idle"
#: Number of ranks of the job on this host, from Open MPI's launcher.
_RANKS_HERE = "OMPI_COMM_WORLD_LOCAL_SIZE"


@dataclass(frozen=True)
class Cores:
    """Cores that a rank may use."""

    host: str
    numbers: tuple[int, ...]

    @classmethod
    def of_this_process(cls) -> Cores:
        """Return the cores that the system allows this process."""
        return cls(socket.gethostname(), tuple(sorted(os.sched_getaffinity(0))))

    def encode(self) -> bytes:
        """Encode the cores for the other ranks."""
        return json.dumps([self.host, self.numbers]).encode()

    @classmethod
    def decode(cls, data: bytes) -> Cores:
        """Return the cores that another rank has encoded."""
        host, numbers = json.loads(data)
        return cls(host, tuple(numbers))


def share(own: Cores, every: Sequence[Cores]) -> float:
    """Return the cores of a rank, if all ranks share the cores that they may use evenly."""
    return sum(1 / _users(own.host, number, every) for number in set(own.numbers))


def let_threads_sleep(own: Cores, every: Sequence[Cores]) -> None:
    """Have threads wait asleep if this rank has no core for a second thread.

    This is to be called before NEST is imported, as OpenMP reads the environment once. Where a
    rank has cores for several threads, spinning is faster, and left as it is.
    """
    if share(own, every) < 2 and not any(name in os.environ for name in VARIABLES):
        os.environ["OMP_WAIT_POLICY"] = "passive"


def let_ranks_give_way() -> None:
    """Have ranks that wait for others give way if they leave no core to other programs.

    This is to be called before MPI is initialised, which reads the environment then.
    """
    here = os.environ.get(_RANKS_HERE, "")
    if here.isdigit() and int(here) >= len(os.sched_getaffinity(0)):
        os.environ.setdefault(GIVE_WAY, "1")


def _users(host: str, number: int, every: Sequence[Cores]) -> int:
    return sum(cores.host == host and number in cores.numbers for cores in every) or 1
