"""Calls over HTTP: arguments travel as MessagePack, exactly; answers come as JSON."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

import numpy as np
import urllib3

from nest_remote.errors import NESTServerError
from protocol.errors import ProtocolError
from protocol.local_token import find_token
from protocol.values import Packer

CONNECT_TIMEOUT_S = 10.0


class HttpTransport:
    """A connection to a server. Safe for threads; the kernel executes one call at a time.

    Parameters
    ----------
    host, port : of the server
    token : access token; without one, ``NEST_SERVER_ACCESS_TOKEN`` is taken, or that of the
        user's own server on this machine
    """

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        token = token or os.environ.get("NEST_SERVER_ACCESS_TOKEN") or find_token(host, port)
        self._headers = {"NESTServerAuth": token} if token else {}
        # A simulation takes as long as it takes: no limit for the answer.
        self._pool = urllib3.PoolManager(
            maxsize=16,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=None),
        )

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a PyNEST function, or read a kernel attribute.

        Raises
        ------
        NESTServerError
            If NEST or the server refused, or no server answered.
        TypeError
            If an argument is of a kind that can't be sent.
        """
        body = {name: _plain(value) for name, value in kwargs.items()}
        body["args"] = [_plain(value) for value in args]
        try:
            packed = Packer().pack(body)
        except ProtocolError as error:
            raise TypeError(f"{name}: {error}") from error
        headers = {"Content-Type": "application/x-msgpack"}
        return self._ask("POST", f"/api/{quote(name)}", packed, headers)

    def get(self, path: str) -> Any:
        """The JSON answer to ``GET path``.

        Raises
        ------
        NESTServerError
            If the server refused, or none answered.
        """
        return self._ask("GET", path, None, {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        try:
            reply = self._pool.request(
                method, self.url + path, body=body, headers=self._headers | headers
            )
        except urllib3.exceptions.HTTPError as error:
            raise NESTServerError(
                f"no answer from {self.url}: {error}", type(error).__name__, 0
            ) from error
        if reply.status == 200:
            return json.loads(reply.data)
        raise _error(reply.status, reply.data)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


def _error(status: int, body: bytes) -> NESTServerError:
    try:
        said = json.loads(body)
        return NESTServerError(said["message"], said.get("error") or "Error", status)
    except (ValueError, KeyError, TypeError):
        text = body.decode("utf-8", "replace").strip()
        hint = ": the access token is missing or wrong" if status == 403 else ""
        return NESTServerError(f"{text or 'no explanation'}{hint}", "Unauthorized", status)


def _plain(value: Any) -> Any:
    """``value`` with Python's and NumPy's many kinds of numbers and lists made into few."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [_plain(item) for item in value]
    return value
