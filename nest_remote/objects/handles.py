"""Handles: local objects that stand for objects in the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from nest_remote.session import Session
from protocol.wire.values import Expression, Reference

H = TypeVar("H", bound="Handle")


class Handle:
    """Local object that stands for one object in the kernel.

    A handle with a reference keeps the object there until nothing here needs it. One with an
    expression is made anew wherever it is used, which costs no message.
    """

    #: The session in which the object was made. Those that are the same in all sessions, such as
    #: the distance of two nodes, belong to that which their module has now, and so do classes.
    _session: Session

    def __init__(self, wire: Reference | Expression, session: Session | None = None) -> None:
        self.__dict__["_wire"] = wire
        if session is not None:
            self.__dict__["_session"] = session

    @property
    def wire(self) -> Reference | Expression:
        """Return the value that names the object in the kernel.

        Raises
        ------
        ConnectionError
            If its session has ended: no other kernel has the object.
        """
        session = self.__dict__.get("_session")
        if session is not None and session.ended:
            raise ConnectionError(f"this {type(self).__name__} can't be used: {session.ended}")
        found: Reference | Expression = self.__dict__["_wire"]
        return found

    def contents(self) -> Any:
        """Return the contents of the object as plain lists and dicts."""
        return f"<{type(self).__name__}>"

    def __dir__(self) -> list[str]:
        # What the look-alike needs besides is nothing that PyNEST's objects have.
        return [name for name in super().__dir__() if name not in ("contents", "of", "wire")]

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


class _Current:
    """Session of objects that have none of their own: that which their module has now."""

    def __init__(self, connected: Callable[[], Session]) -> None:
        self._connected = connected

    # Without __set__: an object's own session goes before it.
    def __get__(self, instance: Any, owner: Any) -> Session:
        return self._connected()


def bound(cls: type[H], connected: Callable[[], Session]) -> type[H]:
    """Make a subclass of ``cls`` for the objects of a look-alike, with the same name.

    Parameters
    ----------
    cls : to derive from
    connected : returns the session that the look-alike has now
    """
    namespace = {
        "_session": _Current(connected),
        "__module__": cls.__module__,
        "__doc__": cls.__doc__,
    }
    return type(cls.__name__, (cls,), namespace)
