"""The HTTP request that a thread works for, as every line of the log names it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

#: What a request may be called: nothing that needs quoting in a line or a header.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+/@~-]{1,128}")


@dataclass(frozen=True)
class RequestContext:
    """The HTTP request that something is done for."""

    #: As its caller, else the gateway, has called it.
    request: str = ""
    #: Whether its caller has named it, to follow its way: each step is then worth a line.
    traced: bool = False


#: Of what no request asks for.
NO_REQUEST = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request", default=NO_REQUEST)


def current_request() -> RequestContext:
    """The request that this thread works for."""
    return _current.get()


def set_current_request(of: RequestContext) -> None:
    """This thread works for that request from now on."""
    _current.set(of)


@contextmanager
def working_for(of: RequestContext) -> Iterator[None]:
    """This thread works for that request meanwhile."""
    token = _current.set(of)
    try:
        yield
    finally:
        _current.reset(token)
