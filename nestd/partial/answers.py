"""Typed pieces of which each rank's answer consists, and their way between ranks.

A piece is an instance of a class here, not a dict with a marker, so that nothing which a caller
made is taken for one. Between ranks, an answer is ``[kind, fields]``, one without class
``[None, value]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from protocol.wire.values import Value

P = TypeVar("P", bound="Piece")
A = TypeVar("A", bound="PartialAnswer")


class Piece:
    """Base of the frozen dataclasses that ranks answer with; the fields hold values.

    A class given a ``kind`` can be a rank's answer, others are parts of one.
    """

    #: Name between ranks; empty for what is no answer by itself.
    kind: ClassVar[str] = ""

    def __init_subclass__(cls, kind: str = "") -> None:
        cls.kind = kind
        if kind:
            _CLASSES[kind] = cls

    def encoded(self: P, encode: Callable[[Any], Value]) -> P:
        """Return a copy with the value of each field, as ``encode`` gives it."""
        # Instances hold nothing but their fields, in the order of the constructor.
        return type(self)(*map(encode, vars(self).values()))

    def to_fields(self) -> list[Value]:
        """Return the fields as messages carry them, pieces in them included."""
        return list(vars(self).values())

    @classmethod
    def from_fields(cls: type[P], values: list[Value]) -> P:
        """Return the piece whose :meth:`to_fields` gave ``values``."""
        return cls(*values)


class PartialAnswer(Piece):
    """One rank's part of an answer that no rank can give alone."""

    @classmethod
    def merge(cls: type[A], call: str, parts: Sequence[A]) -> Value:
        """Return the answer of all ranks to ``call``.

        Parameters
        ----------
        call : name of the PyNEST function, for messages
        parts : of each rank, in the order of ranks
        """
        raise NotImplementedError


#: Kind: its class; filled as the classes are defined.
_CLASSES: dict[str, type[Piece]] = {}


def to_wire(value: Value) -> Value:
    """Return what a message between ranks carries for a rank's answer."""
    if isinstance(value, Piece):
        return [value.kind, value.to_fields()]
    return [None, value]


def from_wire(wire: Value) -> Value:
    """Return the answer for which a message between ranks carries ``wire``."""
    kind, content = wire
    return content if kind is None else _CLASSES[kind].from_fields(content)


def shown(value: Value) -> Value:
    """Return a rank's answer for callers who ask for every rank's own: dicts for pieces."""
    if isinstance(value, Piece):
        return {name: shown(field) for name, field in vars(value).items()}
    if isinstance(value, list) and value and isinstance(value[0], Piece):
        return [shown(piece) for piece in value]
    return value
