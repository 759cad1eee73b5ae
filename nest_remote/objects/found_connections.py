"""What is known of connections that one call has found: their entries, sources and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from nest_remote.objects.synapses import SynapseCollection

#: Ends of so many connections are had in about the time that one takes to ask for.
_WORTH_IT = 1000


@dataclass(frozen=True, eq=False)
class ConnectionObject:
    """One connection, as PyNEST's collections keep it.

    Parameters
    ----------
    whole : the connections that one call found
    row : its place among them
    """

    whole: SynapseCollection
    row: int


class Ends:
    """Sources and targets of the connections of one call, asked for at once in a loop over them."""

    def __init__(self) -> None:
        self._epoch = -1
        self._asked = 0
        self._columns: dict[str, Any] = {}

    def of(self, whole: SynapseCollection, row: int, key: str) -> int | None:
        """Return an end of one connection; ``None`` while few have been asked for.

        Parameters
        ----------
        whole : the connections
        row : place of the one among them
        key : ``source`` or ``target``
        """
        if self._epoch != whole._session.epoch:
            self._epoch, self._asked, self._columns = whole._session.epoch, 0, {}
        if not self._columns:
            self._asked += 1
            # All of many cost more than some.
            if self._asked * _WORTH_IT <= len(whole) or self._asked == 1:
                return None
            found = whole.get(["source", "target"])
            if not found or len(whole) == 1:
                return None
            self._columns = found
        return int(self._columns[key][row])


class Data(Sequence[ConnectionObject]):
    """The entries of a collection, made when they are looked at."""

    def __init__(self, whole: SynapseCollection, rows: Sequence[int]) -> None:
        self._whole = whole
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, key: int) -> ConnectionObject: ...

    @overload
    def __getitem__(self, key: slice) -> list[ConnectionObject]: ...

    def __getitem__(self, key: int | slice) -> ConnectionObject | list[ConnectionObject]:
        if isinstance(key, slice):
            return [ConnectionObject(self._whole, row) for row in self._rows[key]]
        return ConnectionObject(self._whole, self._rows[key])
