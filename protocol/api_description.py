"""Description of PyNEST's public interface, as a kernel gives it to its gateway."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any


class Kind(enum.Enum):
    """Kind of value that a parameter takes; the text is used in error messages."""

    NODES = "nodes: a list of node ids, one id, or a reference"
    #: Also unsorted or repeated ids, where PyNEST takes arrays.
    NODE_ARRAY = "nodes: a list of node ids (in any order for one_to_one), one id, or a reference"
    CONNECTIONS = "connections: an object with source, target, …, or a reference"
    NODES_OR_CONNECTIONS = "nodes (ids or a reference) or connections (an object or a reference)"
    NODES_OR_POSITIONS = "nodes (ids or a reference) or positions (a list of coordinates)"
    INTEGER = "an integer"
    #: A number of nodes, or, as PyNEST still allows, the parameters of a single one.
    COUNT = "an integer number of nodes"
    NUMBER = "a number"
    STRING = "a string"
    BOOLEAN = "true or false"
    MAPPING = "an object of names and values"
    #: One name or several.
    KEYS = "a string or a list of strings"
    #: A name, or an object with details.
    SPEC = "a string, an object, or CollocatedSynapses"
    MASK = "a mask"
    ANY = "any value"


class Given(enum.Enum):
    """Way in which callers give an argument."""

    BY_POSITION = "by position"
    EITHER = "by position or name"
    BY_NAME = "by name"
    #: All further positional ones.
    REST = "rest"
    #: All further names.
    NAMES = "names"


@dataclass(frozen=True)
class CallParameter:
    """Parameter of a call."""

    name: str
    kind: Kind
    given: Given
    #: Whether a call without it is an error.
    required: bool
    #: Default as Python writes it; empty without one.
    default_text: str = ""
    #: Default, if it has a JSON form.
    default: Any = None
    #: Other names of it.
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """Name that can be called or read."""

    name: str
    #: ``function``, ``constructor``, ``attribute`` or ``value``.
    role: str
    #: What it belongs to, for a reader: ``nodes``, ``NodeCollection``, ``random`` …
    group: str
    signature: str
    #: Documentation; empty if PyNEST has none.
    documentation: str
    parameters: tuple[CallParameter, ...] = ()
    #: Whether it is a kernel attribute that can be set.
    settable: bool = False


@dataclass(frozen=True)
class ApiDescription:
    """All names that can be called or read, in their order."""

    #: Version of NEST.
    nest: str
    calls: tuple[Call, ...]

    def to_value(self) -> dict[str, Any]:
        """Return the description as plain values, of which :meth:`from_value` makes it again."""
        value = asdict(self)
        value["calls"] = list(value["calls"])
        for call in value["calls"]:
            call["parameters"] = list(call["parameters"])
            for parameter in call["parameters"]:
                parameter["kind"] = parameter["kind"].name
                parameter["given"] = parameter["given"].name
                parameter["aliases"] = list(parameter["aliases"])
        return value

    @classmethod
    def from_value(cls, value: Any) -> ApiDescription:
        """Return the description in the kernel's answer."""
        return cls(value["nest"], tuple(_call(call) for call in value["calls"]))


def _call(value: dict[str, Any]) -> Call:
    parameters = tuple(
        CallParameter(
            **parameter
            | {
                "kind": Kind[parameter["kind"]],
                "given": Given[parameter["given"]],
                "aliases": tuple(parameter["aliases"]),
            }
        )
        for parameter in value["parameters"]
    )
    return Call(**value | {"parameters": parameters})
