"""Several calls in one request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nest_remote.http.transport import HttpTransport
from nest_remote.session import Session, to_value
from protocol.errors import NestdError
from protocol.wire.messages import Operation


def execute_all(session: Session, calls: Iterable[Sequence[Any]]) -> list[Any]:
    """Execute several calls in one request and return the value of each.

    Parameters
    ----------
    session : that executes
    calls : of each its name, the list of its arguments, and a dict of those by name; the last two
        may be missing. The argument ``{"$result": 0}`` is what the first call returns.

    Raises
    ------
    Exception
        What the first call raises that fails. Its ``index`` says which, from 0, and its ``results``
        are what those before it return. Later calls are not executed.
    """
    operations = [_parted(*call) for call in calls]
    asked = [session.operation(name, *args, **kwargs) for name, args, kwargs in operations]
    return execute_operations(session, asked)


def execute_operations(session: Session, asked: list[Operation]) -> list[Any]:
    """Execute several operations in one request; see :func:`execute_all`."""
    if not isinstance(session.transport, HttpTransport):
        raise TypeError("batches are for sessions with a server")
    if not asked:
        return []
    session.tidy()
    session.epoch += 1
    try:
        found = session.transport.execute_all(asked, to_value, session.object_for)
        if session.local_files is not None:
            session.local_files.after_batch()
        return found
    except NestdError as error:
        raised: Any = session.exception(error)
        raised.index, raised.results = error.index, error.results
        raise raised from None


def _parted(
    name: str, args: Iterable[Any] = (), kwargs: dict[str, Any] | None = None
) -> tuple[str, Iterable[Any], dict[str, Any]]:
    if not isinstance(name, str) or isinstance(args, (str, dict)):
        raise TypeError(f"a call is (name, arguments, arguments by name), not {name!r}, {args!r}")
    return name, args, kwargs or {}
