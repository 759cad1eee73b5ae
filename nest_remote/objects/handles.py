"""Handles: local objects that stand for objects in the kernel."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from nest_remote.session import Session
from protocol.wire.values import Expression, Reference

H = TypeVar("H", bound="Handle")


class Handle:
    """Local object that stands for one object in the kernel.

    A handle with a reference keeps the object there until nothing here needs it. One with an
    expression is made anew wherever it is used, which costs no message.
    """

    #: The session of all objects of the class; look-alikes derive a class of their own.
    _session: ClassVar[Session]

    def __init__(self, wire: Reference | Expression) -> None:
        object.__setattr__(self, "_wire", wire)

    @property
    def wire(self) -> Reference | Expression:
        """Return the value that names the object in the kernel."""
        found: Reference | Expression = self.__dict__["_wire"]
        return found

    def contents(self) -> Any:
        """Return the contents of the object as plain lists and dicts."""
        return f"<{type(self).__name__}>"

    def __copy__(self: H) -> H:
        return self

    def __deepcopy__(self: H, memo: dict[int, Any]) -> H:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(f"a {type(self).__name__} is a part of NEST's kernel and can't be pickled")

    def __del__(self) -> None:
        wire = self.__dict__.get("_wire")
        if isinstance(wire, Reference):
            self._session.drop(wire)


def bound(cls: type[H], session: Session) -> type[H]:
    """Make a subclass of ``cls`` for the objects of ``session``, with the same name."""
    return type(
        cls.__name__,
        (cls,),
        {"_session": session, "__module__": cls.__module__, "__doc__": cls.__doc__},
    )
