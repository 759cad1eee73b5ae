"""A client that costs as little as the standard library allows: ``http.client``, bytes."""

from __future__ import annotations

import http.client
import json
from typing import Any

TIMEOUT_S = 200.0


class Client:
    """One kept connection; it is made again after a server has closed it.

    Parameters
    ----------
    port : of the server on loopback
    token : that it asks for
    """

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._headers = {"NESTServerAuth": token}

    def request(
        self, method: str, path: str, body: bytes | None = None, accept: str = ""
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        headers = self._headers | {"Content-Type": "application/json"} if body else self._headers
        if accept:
            headers = headers | {"Accept": accept}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def call(self, name: str, **keywords: Any) -> Any:
        """The result of a call, which has to succeed."""
        return json.loads(self.ask("POST", f"/api/{name}", json.dumps(keywords).encode()))

    def ask(self, method: str, path: str, body: bytes | None = None, accept: str = "") -> bytes:
        """The body of an answer with status 200.

        Raises
        ------
        RuntimeError
            If it has another one.
        """
        status, answer = self.request(method, path, body, accept)
        if status != 200:
            raise RuntimeError(f"{method} {path}: {status} {answer[:200]!r}")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
