"""Peers: how many connections each has, and which of them goes when there are too many."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable
from typing import Generic, TypeVar

Kept = TypeVar("Kept", bound=Hashable)


class _Peer(Generic[Kept]):
    def __init__(self) -> None:
        self.count = 0
        #: Connections that wait for a request, and on which none came; the longest first.
        self.strangers: dict[Kept, None] = {}
        #: Connections that wait for the next request of a caller, the longest first.
        self.callers: dict[Kept, None] = {}


class Peers(Generic[Kept]):
    """Connections by the address that they come from.

    A peer with too many connections gets one more all the same, and loses the one that has waited
    longest: of those on which nobody has called first. So connections that say nothing keep no
    caller out, also none of the same address, as behind a proxy or a router.

    Parameters
    ----------
    count : most connections in all
    per_peer : most connections of a peer
    """

    def __init__(self, count: int, per_peer: int) -> None:
        self._limit = count
        self._per_peer = per_peer
        self._peers: dict[str, _Peer[Kept]] = {}
        self.count = 0

    def add(self, peer: str, connection: Kept) -> tuple[bool, Kept | None]:
        """Add a connection, which waits for its first request.

        Returns
        -------
        Whether it is taken, and the connection that has to go for it.
        """
        name = _name_of(peer)
        own = self._peers.get(name) or _Peer()
        victim: Kept | None = None
        if own.count >= self._per_peer:
            victim = _longest(own)
        elif self.count >= self._limit:
            victim = _longest(max(self._peers.values(), key=_waiting))
        if victim is None and (own.count >= self._per_peer or self.count >= self._limit):
            return False, None
        self._peers[name] = own
        own.count += 1
        self.count += 1
        own.strangers[connection] = None
        return True, victim

    def wait(self, peer: str, connection: Kept, has_called: bool) -> None:
        """Note that a connection waits for a request from now on."""
        own = self._peers[_name_of(peer)]
        (own.callers if has_called else own.strangers)[connection] = None

    def work(self, peer: str, connection: Kept) -> None:
        """Note that a connection has a request under way, so that it stays."""
        own = self._peers[_name_of(peer)]
        own.strangers.pop(connection, None)
        own.callers.pop(connection, None)

    def remove(self, peer: str, connection: Kept) -> None:
        """Remove a connection, which has ended."""
        name = _name_of(peer)
        own = self._peers[name]
        self.work(peer, connection)
        own.count -= 1
        self.count -= 1
        if not own.count:
            del self._peers[name]


def _longest(peer: _Peer[Kept]) -> Kept | None:
    return next(iter(peer.strangers or peer.callers), None)


def _waiting(peer: _Peer[Kept]) -> tuple[int, int]:
    return len(peer.strangers) + len(peer.callers), peer.count


def _name_of(peer: str) -> str:
    """Return what counts as one peer: an address, of IPv6 the network that one customer has."""
    if ":" not in peer:
        return peer
    address = ipaddress.IPv6Address(peer.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return peer if address.is_loopback else str(int(address) >> 64)
