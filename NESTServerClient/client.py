"""The class NESTServerClient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nest_remote import HttpTransport


class NESTServerClient:
    """Calls PyNEST functions on a NEST Server.

    Every function of PyNEST's public interface is a method here, with the same parameters.
    Nodes are lists of ids; slices of them are nodes too. Arrays may be lists or NumPy arrays.
    Kernel attributes are read by calling them: ``nsc.resolution()``.

    Parameters
    ----------
    host, port : of the server
    token : access token; without one, ``NEST_SERVER_ACCESS_TOKEN`` is taken, or that of the
        user's own server on this machine

    Raises
    ------
    NESTServerError
        By every method, with NEST's error name and message, if NEST or the server refuses.
    """

    def __init__(
        self, host: str = "localhost", port: int = 52425, token: str | None = None
    ) -> None:
        self._transport = HttpTransport(host, port, token)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._transport.call(name, args, kwargs)

        call.__name__ = name
        call.__doc__ = f"{name} of PyNEST, executed by the server."
        return call

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._transport.get("/api")})

    def __repr__(self) -> str:
        return f"NESTServerClient({self._transport.url!r})"

    def close(self) -> None:
        """Close the connections to the server."""
        self._transport.close()
