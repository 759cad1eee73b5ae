"""Allow list: which names of PyNEST can be called or read, and as what.

The list is made of PyNEST's public interface when the kernel starts, without ``ll_api``, modules
of modules, and names with an underscore.
"""

from __future__ import annotations

import difflib
import enum
import functools
import inspect
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from nestd.extensions import Extensions
from nestd.kernel import partial_answers
from nestd.kernel.api import calls
from nestd.kernel.api.parameters import Kind, kind_of
from nestd.kernel.connections import Connections
from nestd.kernel.layers import Layers
from nestd.kernel.pynest import Mask, NodeCollection, Parameter, nest
from nestd.kernel.simulation import Simulation
from protocol.errors import UnknownCall


class Role(enum.Enum):
    """Use that can be made of a name."""

    FUNCTION = "function"
    #: Call that makes a PyNEST object and changes nothing: may stand in arguments as ``$call``.
    CONSTRUCTOR = "constructor"
    #: A kernel attribute, read and perhaps set.
    ATTRIBUTE = "attribute"
    #: A ready-made PyNEST object such as ``spatial.distance``.
    VALUE = "value"


@dataclass(frozen=True)
class Entry:
    """Name in the allow list."""

    name: str
    role: Role
    #: Function that is called; for an attribute or value, the function that returns it.
    target: Callable[..., Any]
    #: Object that documentation and source are taken from.
    documented: object
    signature: inspect.Signature = field(default_factory=inspect.Signature)
    #: Parameter of the signature: kind of its values.
    kinds: dict[str, Kind] = field(default_factory=dict)
    #: Function for callers who have PyNEST's objects, if it is another.
    applied: Callable[..., Any] | None = None


#: Methods that return nodes or connections of others and change nothing: may be in expressions.
_SELECTIONS = frozenset(
    [
        "NodeCollection.join",
        "NodeCollection.slice",
        "NodeCollection.take",
        "SynapseCollection.slice",
        "SynapseCollection.take",
    ]
)

#: Functions for callers who have PyNEST's objects, where others get a more lenient one.
_APPLIED: dict[str, Callable[..., Any]] = {
    "GetDefaults": partial_answers.get_defaults_by_keys,
    "GetStatus": partial_answers.get_status_by_keys,
    "NodeCollection": NodeCollection,
    "NodeCollection.join": NodeCollection.__add__,
    "NodeCollection.take": NodeCollection.__getitem__,
}

#: Public names of PyNEST that are left out, with what to do instead.
LEFT_OUT: dict[str, str] = {
    "NESTError": "errors are answers here",
    "NESTErrors": "errors are answers here",
    "NestModule": "it is PyNEST's own machinery",
    "PlotLayer": "plotting needs a screen; get the data with GetPosition",
    "PlotProbabilityParameter": "plotting needs a screen",
    "PlotSources": "plotting needs a screen; get the data with GetSourcePositions",
    "PlotTargets": "plotting needs a screen; get the data with GetTargetPositions",
    "RunManager": "call Prepare, Run and Cleanup",
    "SonataNetwork": "it reads files of the server's host; use it in a local PyNEST",
    "SynapseCollection": "get connections with GetConnections",
    "Mask": "make masks with CreateMask",
    "Parameter": "make parameters with CreateParameter or random.uniform and the like",
    "VerbosityLevel": "verbosity is a number here, see get_verbosity",
    "ll_api": "the low-level interface is not public",
    "raster_plot": "plotting needs a screen; get the data with GetStatus",
    "serialize_data": "every answer is serialised here",
    "server": "this is the server",
    "set_communicator": "the daemon owns MPI",
    "to_json": "every answer is JSON here",
    "visualization": "plotting needs a screen",
    "voltage_trace": "plotting needs a screen; get the data with GetStatus",
}

#: Submodules whose public functions make PyNEST objects.
_CONSTRUCTOR_MODULES = ("random", "spatial_distributions", "math", "logic")

_CONSTRUCTORS = (
    "CollocatedSynapses",
    "Compartments",
    "CreateMask",
    "CreateParameter",
    "NodeCollection",
    "Receptors",
)

_ARITHMETIC = ("add", "sub", "mul", "truediv", "pow", "neg", "lt", "le", "eq", "ne", "ge", "gt")

#: Methods of PyNEST's classes, called with the object as first argument; those that need the
#: layers are in ``calls.replaced``.
_METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    NodeCollection: {
        "get": partial_answers.get_from_nodes,
        "set": calls.set_nodes,
        "tolist": calls.ids_of,
        "index": NodeCollection.index,
        "slice": calls.slice_of,
        "take": calls.take_from,
        "join": calls.join_nodes,
        "size": calls.size_of,
        "text": NodeCollection.__str__,
    },
    Connections: {
        "get": partial_answers.get_from_connections,
        "set": calls.set_connections,
        "disconnect": calls.disconnect_all,
        "slice": Connections.slice,
        "take": Connections.take,
        "size": Connections.size,
    },
    Parameter: {
        "GetValue": Parameter.GetValue,
        "is_spatial": Parameter.is_spatial,
    },
    Mask: {"Inside": Mask.Inside},
}

_OPERATORS: dict[type, tuple[str, ...]] = {Parameter: _ARITHMETIC, Mask: ("or_", "and_", "sub")}

_SELF_KINDS: dict[type, Kind] = {
    NodeCollection: Kind.NODES,
    Connections: Kind.CONNECTIONS,
    Parameter: Kind.ANY,
    Mask: Kind.MASK,
}


class AllowList:
    """All names that can be called or read.

    Parameters
    ----------
    layers : for the calls that look positions up
    simulation : for the calls that simulate
    extensions : modules that callers may load
    """

    def __init__(
        self, layers: Layers, simulation: Simulation, extensions: Extensions | None = None
    ) -> None:
        replaced = calls.replaced(layers, simulation, extensions or Extensions())
        self._entries = {entry.name: entry for entry in _entries(replaced)}
        #: Sorted names.
        self.names: list[str] = sorted(self._entries)

    def find(self, name: str) -> Entry:
        """Return the entry of ``name``.

        Raises
        ------
        UnknownCall
            If the name is not in the allow list.
        """
        entry = self._entries.get(name)
        if entry is not None:
            return entry
        reason = LEFT_OUT.get(name.split(".")[0])
        if reason:
            raise UnknownCall(f"{name} is not offered: {reason}", call=name)
        name = name[:80]
        raise UnknownCall(
            f"PyNEST has no public {name!r}; {self._suggestion(name)}GET /api lists what there is",
            call=name,
        )

    def _suggestion(self, name: str) -> str:
        """Return the question whether a similar name is meant; empty if none is similar."""
        known = {entry.lower(): entry for entry in self._entries}
        close = difflib.get_close_matches(name.lower(), known, 1, 0.8)
        return f"is {known[close[0]]!r} meant? " if close else ""


def _entries(replaced: dict[str, Callable[..., Any]]) -> Iterator[Entry]:
    for name in dir(nest):
        if name.startswith("_") or name in LEFT_OUT or name in _CONSTRUCTORS:
            continue
        if name in type(nest)._kernel_attr_names:
            continue
        value = getattr(nest, name)
        if callable(value) and not isinstance(value, (type, ModuleType)):
            yield _callable(name, Role.FUNCTION, replaced.get(name, value), value)
    for name in _CONSTRUCTORS:
        value = getattr(nest, name)
        yield _callable(name, Role.CONSTRUCTOR, replaced.get(name, value), value)
    yield from _attributes()
    yield from _submodules()
    yield from _methods(replaced)


def _callable(name: str, role: Role, target: Callable[..., Any], documented: object) -> Entry:
    # Without types: PyNEST's own have none, and callers read it in messages.
    signature = inspect.signature(target).replace(return_annotation=inspect.Signature.empty)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    signature = signature.replace(parameters=bare)
    kinds = {parameter: kind_of(name, parameter) for parameter in signature.parameters}
    return Entry(name, role, target, documented, signature, kinds, _APPLIED.get(name))


def _attributes() -> Iterator[Entry]:
    # An attribute that this build of NEST does not report can't be read.
    reported = nest.kernel_status.keys() | {"kernel_status"}
    for name in sorted(type(nest)._kernel_attr_names & reported):
        yield Entry(
            name,
            Role.ATTRIBUTE,
            functools.partial(partial_answers.read_attribute, name),
            inspect.getattr_static(nest, name),
        )
    yield Entry("userdict", Role.ATTRIBUTE, lambda: nest.userdict, nest.userdict)


def _submodules() -> Iterator[Entry]:
    for module_name in _CONSTRUCTOR_MODULES:
        module = getattr(nest, module_name)
        for name, value in vars(module).items():
            if inspect.isfunction(value) and not name.startswith("_"):
                yield _callable(f"{module_name}.{name}", Role.CONSTRUCTOR, value, value)
    for name in ("grid", "free"):
        value = getattr(nest.spatial, name)
        yield _callable(f"spatial.{name}", Role.CONSTRUCTOR, value, value)
    for name in ("distance", "pos", "source_pos", "target_pos"):
        value = getattr(nest.spatial, name)
        if isinstance(value, Parameter):
            yield Entry(f"spatial.{name}", Role.VALUE, lambda value=value: value, value)
        for axis in "xyz":
            along = getattr(value, axis)
            yield Entry(f"spatial.{name}.{axis}", Role.VALUE, lambda along=along: along, value)
        yield _callable(f"spatial.{name}.n", Role.CONSTRUCTOR, value.n, value.n)


def _methods(replaced: dict[str, Callable[..., Any]]) -> Iterator[Entry]:
    for owner, methods in _METHODS.items():
        prefix = getattr(owner, "reference_type", owner.__name__) + "."
        named = {prefix + name: method for name, method in methods.items()}
        named |= {name: method for name, method in replaced.items() if name.startswith(prefix)}
        for name, method in named.items():
            role = Role.CONSTRUCTOR if name in _SELECTIONS else Role.FUNCTION
            entry = _callable(name, role, method, method)
            own_parameter = next(iter(entry.signature.parameters))
            entry.kinds[own_parameter] = _SELF_KINDS[owner]
            yield entry
    for owner, names in _OPERATORS.items():
        for name in names:
            function = getattr(operator, name)
            called = f"{owner.__name__}.{name.rstrip('_')}"
            yield _callable(called, Role.CONSTRUCTOR, _of_objects(function, owner), function)


def _of_objects(function: Callable[..., Any], owner: type) -> Callable[..., Any]:
    """Return an operator for objects of PyNEST alone.

    Python's operators also join texts and dictionaries, which a reader of arguments can't foresee,
    and compute powers without end.
    """

    @functools.wraps(function)
    def operate(*operands: Any) -> Any:
        if not any(isinstance(operand, owner) for operand in operands):
            raise TypeError(f"one of the operands must be a {owner.__name__}")
        return function(*operands)

    return operate
