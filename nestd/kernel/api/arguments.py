"""PyNEST's objects, made of the arguments of a call: of ids, references and expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nestd.kernel.api.allow_list import AllowList, Entry, Role
from nestd.kernel.api.binding import BoundArguments, argument_error, bind, typed
from nestd.kernel.api.parameters import Kind
from nestd.kernel.connections import Connections, find_connections
from nestd.kernel.layers import Layers
from nestd.kernel.nest_errors import raised_by_nest
from nestd.kernel.objects import ObjectTable
from nestd.kernel.pynest import Mask, NodeCollection, Parameter, nest
from protocol.errors import ArgumentError
from protocol.wire.values import Array, Expression, Reference, Value

#: Types that may contain references, or are references or expressions.
_CONTAINING = (list, tuple, dict, np.ndarray, Reference, Expression)

#: Parameters of synapse models that are nodes.
_NODE_PARAMETERS = ("volume_transmitter", "weight_recorder")


class Arguments:
    """Converter of arguments that arrive into those that PyNEST takes.

    Parameters
    ----------
    allow_list : for the calls in expressions
    objects : that references name
    layers : in which ids are looked up
    """

    def __init__(self, allow_list: AllowList, objects: ObjectTable, layers: Layers) -> None:
        self._allow_list = allow_list
        self._objects = objects
        self._layers = layers

    def convert(self, bound: BoundArguments) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with which to call the entry's target.

        Raises
        ------
        ArgumentError
            If a value does not fit its parameter.
        StaleReference
            If a reference names nothing any more.
        UnknownCall
            If an expression has a call that is not in the allow list.
        """
        args = [self._convert(bound.entry, *argument) for argument in bound.args]
        kwargs = {
            name: self._convert(bound.entry, name, kind, value)
            for name, (kind, value) in bound.kwargs.items()
        }
        return args, kwargs

    def plain(self, value: Value) -> Any:
        """Return ``value`` with its references and expressions replaced by objects."""
        if isinstance(value, Reference):
            return self._objects.look_up(value)
        if isinstance(value, Expression):
            return self._evaluate(value)
        if isinstance(value, (list, tuple)):
            if any(isinstance(item, _CONTAINING) for item in value):
                return type(value)([self.plain(item) for item in value])
            return value
        if isinstance(value, dict):
            return {key: self._entry(key, item) for key, item in value.items()}
        if isinstance(value, np.ndarray):
            # Arrays share the read-only memory of a message; some calls want to write.
            return value.copy()
        return value

    def _entry(self, key: str, value: Value) -> Any:
        """Convert ``value`` under ``key`` of a dictionary of parameters."""
        if key in _NODE_PARAMETERS and not isinstance(value, (Reference, Expression, dict)):
            # NEST takes a NodeCollection only, which callers have as its ids.
            try:
                return self._nodes(key, value)
            except _Misfit:
                return value
        return self.plain(value)

    def _evaluate(self, expression: Expression) -> Any:
        entry = self._allow_list.find(expression.call)
        if entry.role is Role.VALUE:
            if expression.args or expression.kwargs:
                raise ArgumentError(f"{entry.name} takes no arguments", call=entry.name)
            return entry.target()
        if entry.role is not Role.CONSTRUCTOR:
            raise ArgumentError(
                f"$call {entry.name}: only calls that make PyNEST objects can be arguments, "
                "such as random.uniform, spatial.grid or CreateMask",
                call=entry.name,
            )
        bound = bind(entry, expression.args, expression.kwargs)
        typed(bound)
        args, kwargs = self.convert(bound)
        with raised_by_nest(entry.name):
            return entry.target(*args, **kwargs)

    def _convert(self, entry: Entry, name: str, kind: Kind, value: Value) -> Any:
        value = self.plain(value)
        try:
            return _CONVERTERS[kind](self, name, value)
        except _Misfit as misfit:
            problem = str(misfit) or f"not {_described(value)}"
            raise argument_error(entry, name, f"must be {kind.value}, {problem}") from misfit
        except ArgumentError as error:
            error.call = entry.name
            error.message = f"{entry.name}: {error.message}"
            raise

    # One converter for each kind, which raises _Misfit for a value of another kind.

    def _nodes(self, name: str, value: Any) -> Any:
        if isinstance(value, NodeCollection):
            return value
        ids = _ids(value)
        with raised_by_nest("NodeCollection"):
            return self._layers.collection(ids)

    def _node_array(self, name: str, value: Any) -> Any:
        if isinstance(value, NodeCollection):
            return value
        ids = _ids(value)
        # Without order or with repetitions there is no NodeCollection; Connect then takes the
        # array, and says itself which rules allow that.
        return self._nodes(name, ids) if _ascend(ids) else ids

    def _connections(self, name: str, value: Any) -> Any:
        if isinstance(value, Connections):
            return value
        if isinstance(value, dict):
            return find_connections(value, name)
        raise _Misfit

    def _nodes_or_connections(self, name: str, value: Any) -> Any:
        if isinstance(value, (dict, Connections)):
            return self._connections(name, value)
        return self._nodes(name, value)

    def _nodes_or_positions(self, name: str, value: Any) -> Any:
        if isinstance(value, np.ndarray) and (value.ndim == 2 or value.dtype.kind == "f"):
            return value
        if isinstance(value, list) and value:
            if all(isinstance(item, list) for item in value):
                return [np.array(item, dtype=float) for item in value]
            if any(isinstance(item, float) for item in value):
                return np.array(value, dtype=float)
        return self._nodes(name, value)

    def _integer(self, name: str, value: Any) -> int:
        if not _is_whole(value):
            raise _Misfit
        # Integers beyond 64 bit arrive as floats, rounded to the next power of two.
        if abs(value) >= 2**63:
            raise _Misfit(f"{value} is beyond 64 bit")
        return int(value)

    def _count(self, name: str, value: Any) -> Any:
        return value if isinstance(value, dict) else self._integer(name, value)

    def _number(self, name: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _Misfit
        return value

    def _string(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise _Misfit
        return value

    def _boolean(self, name: str, value: Any) -> bool:
        if not isinstance(value, (bool, int, float)) or value not in (0, 1):
            raise _Misfit
        return bool(value)

    def _mapping(self, name: str, value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Misfit
        return value

    def _keys(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise _Misfit

    def _spec(self, name: str, value: Any) -> Any:
        if not isinstance(value, (str, dict, nest.CollocatedSynapses)):
            raise _Misfit
        return value

    def _mask(self, name: str, value: Any) -> Any:
        if not isinstance(value, Mask):
            raise _Misfit('such as {"$call": "CreateMask", "args": ["circular", {"radius": 0.2}]}')
        return value

    def _any(self, name: str, value: Any) -> Any:
        return value


_CONVERTERS: dict[Kind, Callable[[Arguments, str, Any], Any]] = {
    Kind.NODES: Arguments._nodes,
    Kind.NODE_ARRAY: Arguments._node_array,
    Kind.CONNECTIONS: Arguments._connections,
    Kind.NODES_OR_CONNECTIONS: Arguments._nodes_or_connections,
    Kind.NODES_OR_POSITIONS: Arguments._nodes_or_positions,
    Kind.INTEGER: Arguments._integer,
    Kind.COUNT: Arguments._count,
    Kind.NUMBER: Arguments._number,
    Kind.STRING: Arguments._string,
    Kind.BOOLEAN: Arguments._boolean,
    Kind.MAPPING: Arguments._mapping,
    Kind.KEYS: Arguments._keys,
    Kind.SPEC: Arguments._spec,
    Kind.MASK: Arguments._mask,
    Kind.ANY: Arguments._any,
}


class _Misfit(Exception):
    """Value does not have the parameter's kind; the text, if any, ends the message."""


def _ids(value: Any) -> Array:
    """Return node ids as int64 of shape (n,)."""
    if isinstance(value, (int, float)):
        value = [value]
    if isinstance(value, np.ndarray):
        if value.ndim != 1 or value.dtype.kind not in "iu":
            raise _Misfit
        ids = value
    elif isinstance(value, (list, tuple)):
        wrong = next((item for item in value if not _is_whole(item)), None)
        if wrong is not None or any(item is None for item in value):
            raise _Misfit(f"{_described(wrong)} is no node id")
        ids = np.array(value, dtype=object)
    else:
        raise _Misfit
    if len(ids) and not (ids.min() >= 1 and ids.max() < 2**62):
        outside = ids.min() if ids.min() < 1 else ids.max()
        raise _Misfit(f"{outside} is no node id")
    return ids.astype(np.int64, copy=False)


def _ascend(ids: Array) -> bool:
    """Return whether each id is larger than the one before; the first ones mostly tell."""
    head = ids[:1000]
    return bool(np.all(head[1:] > head[:-1])) and bool(np.all(ids[1:] > ids[:-1]))


def _is_whole(item: Any) -> bool:
    if isinstance(item, bool):
        return False
    return isinstance(item, int) or (isinstance(item, float) and item.is_integer())


def _described(value: Any) -> str:
    if isinstance(value, (Parameter, Mask, NodeCollection, Connections)):
        return f"a {type(value).__name__}"
    return f"{value!r:.60}"
