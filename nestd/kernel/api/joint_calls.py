"""Calls after which a rank that raised lets the others go on, which would wait for it inside NEST.

``nestd/call_traits.py`` has all calls in which ranks wait for each other. Most raise on all ranks
or on none before ranks wait. These here may raise on one rank alone, because of nodes that only it
has, and PyNEST has the others wait for it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nestd.kernel.api import room
from nestd.kernel.api.connection_checks import refuse_endless
from nestd.kernel.pynest import RANKS, NodeCollection, nest


class Meeting(Protocol):
    """The ranks of this kernel, as they meet over MPI; ``nestd/ranks/mpi.py`` has them."""

    def any_true(self, flag: bool) -> bool:
        """Return whether the flag of any rank is true; all ranks have to ask."""

    def of_rank_0(self, value: Any) -> Any:
        """Return the value of rank 0; all ranks have to ask."""

    def exchange_nothing(self) -> None:
        """Take part in what the others exchange in TripartiteConnect, with nothing to give."""


class JointCalls:
    """The calls of this process, which has one kernel."""

    def __init__(self) -> None:
        #: Set before the first call where there are several ranks.
        self.meeting: Meeting | None = None

    def connect_and_find(
        self, connect: Callable[[], None], pre: NodeCollection, post: NodeCollection
    ) -> Any:
        """Connect, and return the connections; nothing if any rank could not connect.

        PyNEST has the ranks look connections up together, but a rank that raised does not come.
        """
        try:
            connect()
        except Exception:
            self._any_true(True)
            raise
        if self._any_true(False):
            # The answer of the call is the error of the other rank.
            return None
        return nest.GetConnections(pre, post)

    def take_part(self, call: str, error: Exception) -> None:
        """Let the others finish ``call``, which has raised ``error`` here.

        NEST exchanges the connections to third factors after it has made the primary ones, where
        it raises. Without memory it may raise during the exchange, too; the network is lost then.
        """
        if self.meeting is None or call != "TripartiteConnect" or isinstance(error, MemoryError):
            return
        self.meeting.exchange_nothing()

    def of_rank_0(self, value: Any) -> Any:
        """Return the value of rank 0; all ranks have to ask."""
        return value if self.meeting is None else self.meeting.of_rank_0(value)

    def _any_true(self, flag: bool) -> bool:
        return flag if self.meeting is None else self.meeting.any_true(flag)


joint = JointCalls()


def connect(
    pre: Any,
    post: Any,
    conn_spec: Any = None,
    syn_spec: Any = None,
    return_synapsecollection: bool = False,
) -> Any:
    """Call Connect, unless NEST would never come to an end."""

    def make(returned: bool = False) -> Any:
        refuse_endless(pre, post, conn_spec)
        room.for_connections(pre, post, conn_spec)
        return nest.Connect(pre, post, conn_spec, syn_spec, returned)

    # PyNEST refuses to look up what it has connected by arrays.
    has_nodes = isinstance(pre, NodeCollection) and isinstance(post, NodeCollection)
    if RANKS > 1 and return_synapsecollection and has_nodes:
        return joint.connect_and_find(make, pre, post)
    return make(return_synapsecollection)
