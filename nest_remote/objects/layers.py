"""Positions of nodes: ``nest.spatial.grid`` and ``nest.spatial.free``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nest_remote.objects.handles import Handle
from nest_remote.session import Session
from protocol.wire.values import Expression


class _Positions(Handle):
    """Positions that ``Create`` gives to nodes."""

    _args: tuple[Any, ...]

    def __reduce__(self) -> Any:
        # What they were made of, from which a copy in another process is made.
        return type(self), self._args

    def _make(self, call: str, *args: Any) -> None:
        self._args = args
        made = self._session.call(call, *args)
        Handle.__init__(self, made.wire, made.__dict__["_session"])
        made.__dict__.clear()


class grid(_Positions):  # noqa: N801  # PyNEST's name
    """Positions on a grid.

    Parameters
    ----------
    shape : number of nodes along each of two or three axes
    center : coordinates of the center
    extent : length along each axis
    edge_wrap : whether the edges are connected
    """

    def __init__(
        self, shape: Any, center: Any = None, extent: Any = None, edge_wrap: bool = False
    ) -> None:
        self.shape = shape
        self.center = center
        self.extent = extent
        self.edge_wrap = edge_wrap
        self._make("spatial.grid", shape, center, extent, edge_wrap)


class free(_Positions):  # noqa: N801  # PyNEST's name
    """Positions that are listed, or drawn.

    Parameters
    ----------
    pos : coordinates of each node, a Parameter, or one Parameter for each axis
    extent : length along each axis
    edge_wrap : whether the edges are connected
    num_dimensions : number of axes, where a Parameter does not tell
    """

    def __init__(
        self,
        pos: Any,
        extent: Any = None,
        edge_wrap: bool = False,
        num_dimensions: int | None = None,
    ) -> None:
        self.pos = pos
        self.extent = extent
        self.edge_wrap = edge_wrap
        self._make("spatial.free", pos, extent, edge_wrap, num_dimensions)


class Axes:
    """A position's coordinates as parameters: ``nest.spatial.pos`` and the like.

    Parameters
    ----------
    connected : returns the session that the look-alike has now
    name : dotted name, ``spatial.pos``
    """

    def __init__(self, connected: Callable[[], Session], name: str) -> None:
        self._connected = connected
        self._name = name

    def __reduce__(self) -> str:
        # There is one of each, which copies and pickles name.
        return self._name.rpartition(".")[2]

    def _along(self, axis: str) -> Any:
        return self._connected().makers["Parameter"](Expression(f"{self._name}.{axis}"))

    @property
    def x(self) -> Any:
        """Return the coordinate on the first axis."""
        return self._along("x")

    @property
    def y(self) -> Any:
        """Return the coordinate on the second axis."""
        return self._along("y")

    @property
    def z(self) -> Any:
        """Return the coordinate on the third axis."""
        return self._along("z")

    def n(self, dimension: int) -> Any:
        """Return the coordinate on one axis, counted from 0."""
        return self._connected().call(f"{self._name}.n", dimension)
