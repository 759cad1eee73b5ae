"""Typed pieces of which each rank's answer consists, and their way between ranks.

A piece is an instance of a class here, not a dict with a marker, so that nothing which a caller
made is taken for one. Between ranks, a piece is ``[kind, [field, …]]`` with fields of these forms,
a list of pieces ``["", [piece, …]]``, and everything else ``[None, value]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from protocol.wire.values import Value

P = TypeVar("P", bound="Piece")
A = TypeVar("A", bound="PartialAnswer")


class Piece:
    """Base of the frozen dataclasses that ranks answer with; the fields hold values or pieces."""

    #: Name between ranks.
    kind: ClassVar[str] = ""

    def __init_subclass__(cls, kind: str = "") -> None:
        cls.kind = kind
        if kind:
            _CLASSES[kind] = cls

    def encoded(self: P, encode: Callable[[Any], Value]) -> P:
        """Return a copy with the value of each field, as ``encode`` gives it."""
        # Instances hold nothing but their fields, in the order of the constructor.
        return type(self)(*map(encode, vars(self).values()))


class PartialAnswer(Piece):
    """Part of one rank in an answer that no rank can give alone."""

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


def _are_pieces(value: Value) -> bool:
    """Return whether a value is a list of pieces."""
    return type(value) is list and bool(value) and isinstance(value[0], Piece)


def to_wire(value: Value) -> Value:
    """Return what a message between ranks carries for a rank's answer."""
    if isinstance(value, Piece):
        return [value.kind, list(map(to_wire, vars(value).values()))]
    return ["", list(map(to_wire, value))] if _are_pieces(value) else [None, value]


def from_wire(wire: Value) -> Value:
    """Return the answer for which a message between ranks carries ``wire``."""
    kind, content = wire
    if kind is None:
        return content
    pieces = list(map(from_wire, content))
    return _CLASSES[kind](*pieces) if kind else pieces


def shown(value: Value) -> Value:
    """Return a rank's answer for callers who ask for every rank's own: dicts for pieces."""
    if isinstance(value, Piece):
        return {name: shown(field) for name, field in vars(value).items()}
    return list(map(shown, value)) if _are_pieces(value) else value
