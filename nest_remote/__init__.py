"""A running NEST elsewhere, as if it were the module ``nest``; no NEST needed here.

>>> import nest_remote as nest
>>> nest.connect("http://localhost:52425")
>>> neurons = nest.Create("iaf_psc_alpha", 1000)
"""

from __future__ import annotations

import sys
from typing import Any

from nest_remote.errors import NESTServerError as NESTServerError
from nest_remote.module import PyNest, install
from nest_remote.session import Session


class _Remote(PyNest):
    """This module: PyNEST's look-alike, once it is connected."""

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__own__})


__own__ = ["NESTServerError", "connect", "disconnect", "install_as_nest"]

_module: Any = sys.modules[__name__]
_module.__class__ = _Remote


def connect(url: str = "http://localhost:52425", token: str | None = None) -> None:
    """Execute from now on at the server at ``url``.

    Parameters
    ----------
    url : such as ``http://host:52425``
    token : access token; without one, ``NEST_SERVER_ACCESS_TOKEN`` is taken, or that of the
        user's own server on this machine

    Raises
    ------
    NESTServerError
        If no server answers there, or the token is missing or wrong.
    ValueError
        If ``url`` is none.
    """
    # Here and not above: a script's process has another transport, and forks faster without.
    from nest_remote.http import HttpTransport

    session = Session(HttpTransport.to(url, token))
    # What is wrong with address or token is better said here than at the first call.
    _ = session.description
    _disconnect()
    _module._begin(session)


def disconnect() -> None:
    """Let go of the server. Nodes and the like can't be used any more."""
    _disconnect()


def _disconnect() -> None:
    session = _module.__dict__.get("_session")
    if session is not None:
        session.close()
        _module.__dict__["_session"] = None


def install_as_nest() -> None:
    """Have ``import nest`` give this module, in libraries that import it, too."""
    _module._connected()
    install(_module)
