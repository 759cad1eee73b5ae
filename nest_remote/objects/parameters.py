"""Parameters, which NEST evaluates for each node or connection, and masks."""

from __future__ import annotations

from typing import Any

from nest_remote.objects.handles import Handle
from nest_remote.session import Session
from protocol.wire.values import Expression, Reference


class Parameter(Handle):
    """Value that NEST draws or computes anew for each node or connection.

    Made by ``CreateParameter`` and by ``nest.random``, ``nest.spatial`` and the like. Arithmetic
    and comparisons give parameters.
    """

    def __init__(self, datum: Any) -> None:
        raise TypeError("a Parameter is made by CreateParameter, random.uniform and the like")

    @classmethod
    def of(cls, wire: Reference | Expression, session: Session | None = None) -> Parameter:
        """Make the parameter that ``wire`` names in a session, or in all."""
        self = cls.__new__(cls)
        Handle.__init__(self, wire, session)
        return self

    def _made(self, operation: str, *operands: Any) -> Parameter:
        made: Parameter = self._session.call(f"Parameter.{operation}", self, *operands)
        return made

    def __add__(self, other: Any) -> Parameter:
        return self._made("add", other)

    def __radd__(self, other: Any) -> Parameter:
        return self._made("add", other)

    def __sub__(self, other: Any) -> Parameter:
        return self._made("sub", other)

    def __rsub__(self, other: Any) -> Parameter:
        return self._made("neg")._made("add", other)

    def __mul__(self, other: Any) -> Parameter:
        return self._made("mul", other)

    def __rmul__(self, other: Any) -> Parameter:
        return self._made("mul", other)

    def __truediv__(self, other: Any) -> Parameter:
        return self._made("truediv", other)

    def __rtruediv__(self, other: Any) -> Parameter:
        return self._made("pow", -1)._made("mul", other)

    def __pow__(self, exponent: Any) -> Parameter:
        return self._made("pow", exponent)

    def __neg__(self) -> Parameter:
        return self._made("neg")

    def __pos__(self) -> Parameter:
        return self

    def __lt__(self, other: Any) -> Parameter:
        return self._made("lt", other)

    def __le__(self, other: Any) -> Parameter:
        return self._made("le", other)

    def __eq__(self, other: object) -> Parameter:  # type: ignore[override]  # as in PyNEST
        return self._made("eq", other)

    def __ne__(self, other: object) -> Parameter:  # type: ignore[override]  # as in PyNEST
        return self._made("ne", other)

    def __ge__(self, other: Any) -> Parameter:
        return self._made("ge", other)

    def __gt__(self, other: Any) -> Parameter:
        return self._made("gt", other)

    __hash__ = None  # type: ignore[assignment]  # as in PyNEST

    def GetValue(self) -> Any:  # noqa: N802  # PyNEST's name
        """Draw one value; on several ranks all draw the same."""
        return self._session.call("Parameter.GetValue", self)

    def is_spatial(self) -> bool:
        """Tell whether the parameter depends on positions."""
        answer: bool = self._session.call("Parameter.is_spatial", self)
        return answer

    def apply(self, spatial_nc: Any, positions: Any = None) -> Any:
        """Return the values for nodes of a layer, or for places as seen from one node.

        Parameters
        ----------
        spatial_nc : nodes of a layer; one only, if there are positions
        positions : places, each with as many coordinates as the layer has
        """
        if positions is None:
            return self._session.call("Parameter.apply", self, spatial_nc)
        return self._session.call("Parameter.apply", self, spatial_nc, positions)


class DistanceParameter(Parameter):
    """``nest.spatial.distance``: the distance of two nodes, and along one axis."""

    def _along(self, axis: str) -> Parameter:
        along: Parameter = self._session.makers["Parameter"](Expression(f"spatial.distance.{axis}"))
        return along

    @property
    def x(self) -> Parameter:
        """Return the distance along the first axis."""
        return self._along("x")

    @property
    def y(self) -> Parameter:
        """Return the distance along the second axis."""
        return self._along("y")

    @property
    def z(self) -> Parameter:
        """Return the distance along the third axis."""
        return self._along("z")

    def n(self, dimension: int) -> Parameter:
        """Return the distance along one axis, counted from 1."""
        along: Parameter = self._session.call("spatial.distance.n", dimension)
        return along


class Mask(Handle):
    """Area around a node, made by ``CreateMask``; ``|``, ``&`` and ``-`` combine masks."""

    def __init__(self, data: Any) -> None:
        raise TypeError("a Mask is made by CreateMask")

    @classmethod
    def of(cls, wire: Reference | Expression, session: Session | None = None) -> Mask:
        """Make the mask that ``wire`` names in a session."""
        self = cls.__new__(cls)
        Handle.__init__(self, wire, session)
        return self

    def _combined(self, operation: str, other: Any) -> Mask:
        if not isinstance(other, Mask):
            raise NotImplementedError("both operands must be masks")
        made: Mask = self._session.call(f"Mask.{operation}", self, other)
        return made

    def __or__(self, other: Any) -> Mask:
        return self._combined("or", other)

    def __and__(self, other: Any) -> Mask:
        return self._combined("and", other)

    def __sub__(self, other: Any) -> Mask:
        return self._combined("sub", other)

    def Inside(self, point: Any) -> bool:  # noqa: N802  # PyNEST's name
        """Tell whether a point, relative to the mask's origin, is inside."""
        answer: bool = self._session.call("Mask.Inside", self, point)
        return answer
