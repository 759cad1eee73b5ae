"""How threads and ranks wait where they share cores.

NEST's threads meet at barriers many times in each step of min_delay. There they spin for up to
milliseconds, as OpenMP takes the cores for its own; it stops that when a process has more threads
than cores, but knows nothing of other processes. Where two ranks have four threads each on two
cores, those that are waited for hardly get one, and a simulation of seconds has no end.

Ranks wait for each other inside MPI, where they spin, too. Open MPI has them give way when there
are more ranks than cores. With as many there is none left for the gateway and whoever else is
here: one that gets a core all the same keeps a rank from going on, and the others spin meanwhile.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

#: Each says how threads wait; a user who has set one has decided.
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")

#: Whether a rank that waits inside Open MPI lets others have its core; a user may have decided.
GIVE_WAY = "OMPI_MCA_mpi_yield_when_idle"
#: Ranks of the job on this host, as Open MPI's launcher says.
_RANKS_HERE = "OMPI_COMM_WORLD_LOCAL_SIZE"


@dataclass(frozen=True)
class Cores:
    """The cores that a rank may use."""

    host: str
    numbers: tuple[int, ...]

    @classmethod
    def of_this_process(cls) -> Cores:
        """What the system allows this process."""
        return cls(socket.gethostname(), tuple(sorted(os.sched_getaffinity(0))))

    def encode(self) -> bytes:
        """For the other ranks."""
        return json.dumps([self.host, self.numbers]).encode()

    @classmethod
    def decode(cls, data: bytes) -> Cores:
        """What another rank has said."""
        host, numbers = json.loads(data)
        return cls(host, tuple(numbers))


def share(own: Cores, every: Sequence[Cores]) -> float:
    """Cores that a rank has for itself, if ranks that may use the same ones share them evenly."""
    mine = set(own.numbers)
    return sum(1 / _users(own.host, number, every) for number in mine)


def let_threads_sleep(own: Cores, every: Sequence[Cores]) -> None:
    """Have threads wait asleep if a second one of this rank would have no core.

    To be called before NEST is imported, as OpenMP reads the environment once. Where a rank has
    cores for several threads, spinning is faster, and left as it is.
    """
    if share(own, every) < 2 and not any(name in os.environ for name in VARIABLES):
        os.environ["OMP_WAIT_POLICY"] = "passive"


def let_ranks_give_way() -> None:
    """Have a rank that waits for others give way if ranks leave no core to anybody else.

    To be called before MPI is initialised, which reads the environment then.
    """
    here = os.environ.get(_RANKS_HERE, "")
    if here.isdigit() and int(here) >= len(os.sched_getaffinity(0)):
        os.environ.setdefault(GIVE_WAY, "1")


def _users(host: str, number: int, every: Sequence[Cores]) -> int:
    return sum(one.host == host and number in one.numbers for one in every) or 1
