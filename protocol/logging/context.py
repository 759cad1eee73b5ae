"""Request that a thread works for, as every line of the log names it, and its client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

#: Names that a request may have: none needs quoting in a line or a header.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+/@~-]{1,128}")
#: Names that clients may give themselves; the kernel's own owners of objects have others.
CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class RequestContext:
    """Request on whose behalf work is done, over HTTP or from a client itself."""

    #: Its name, from its caller or else from the gateway.
    request: str = ""
    #: Whether its caller has named it, to follow its way: each step is then worth a line.
    traced: bool = False
    #: Client to whom kernel objects belong that are made for it; empty if the request names none.
    client: str = ""
    #: Whether the client itself sends the work, without a gateway: it waits as long as its
    #: connection is open.
    direct: bool = False


#: Context of work that no request asks for.
NO_REQUEST = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request", default=NO_REQUEST)


def current_request() -> RequestContext:
    """Return the request that this thread works for."""
    return _current.get()


def set_current_request(request: RequestContext) -> None:
    """Set the request that this thread works for from now on."""
    _current.set(request)


@contextmanager
def working_for(request: RequestContext) -> Iterator[None]:
    """Set the request that this thread works for within the ``with`` block."""
    token = _current.set(request)
    try:
        yield
    finally:
        _current.reset(token)
