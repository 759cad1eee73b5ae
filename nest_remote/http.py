"""Operations over HTTP: arguments and answers travel as MessagePack, exactly."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import urllib3

from nest_remote.errors import NESTServerError
from nest_remote.session import unsendable
from protocol.errors import ProtocolError, error_from_facts
from protocol.local_token import find_token
from protocol.messages import Operation
from protocol.values import Packer, Reference, Unpacker, Value

CONNECT_TIMEOUT_S = 10.0
DEFAULT_PORT = 52425
MSGPACK = "application/x-msgpack"


class HttpTransport:
    """A connection to a server. Safe for threads; the kernel executes one call at a time.

    Parameters
    ----------
    host, port : of the server
    token : access token; without one, ``NEST_SERVER_ACCESS_TOKEN`` is taken, or that of the
        user's own server on this machine
    """

    def __init__(
        self, host: str, port: int, token: str | None = None, scheme: str = "http"
    ) -> None:
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        token = token or os.environ.get("NEST_SERVER_ACCESS_TOKEN") or find_token(host, port)
        self._headers = {"NESTServerAuth": token} if token else {}
        # A simulation takes as long as it takes: no limit for the answer.
        self._pool = urllib3.PoolManager(
            maxsize=16,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=None),
        )

    @classmethod
    def to(cls, url: str, token: str | None = None) -> HttpTransport:
        """A connection to the server at ``url``, such as ``http://host:52425`` or ``host``.

        Raises
        ------
        ValueError
            If it is no such address.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"{url!r} is no address of a server, such as http://localhost:52425")
        port = parts.port or (443 if parts.scheme == "https" else DEFAULT_PORT)
        return cls(parts.hostname, port, token, parts.scheme)

    def execute(
        self,
        operation: Operation,
        convert: Callable[[Any], Value],
        reference: Callable[[Reference], Any],
    ) -> Any:
        """The value of ``operation``.

        Raises
        ------
        NestdError
            What the kernel or the server says.
        NESTServerError
            If no server answered, or what answered is none.
        TypeError
            If an argument is of a kind that can't be sent.
        """
        fields = [operation.action.value, operation.call, operation.args, operation.kwargs]
        try:
            body = Packer(tuples=True, convert=convert).pack(fields)
        except ProtocolError as error:
            raise unsendable(operation.call, error) from error
        status, answer = self._send("POST", "/operation", body)
        if status == 200:
            return Unpacker(reference=reference, writable=True).unpack(answer)
        raise self._error(status, answer)

    def exec(self, source: str, returns: Any) -> dict[str, Any]:
        """Run a script on the server: ``data`` and ``stdout`` of its answer.

        Raises
        ------
        NESTServerError
            As :meth:`execute`, and if the script raised.
        """
        body = Packer(tuples=True).pack({"source": source, "return": returns})
        status, answer = self._send("POST", "/exec", body)
        if status == 200:
            found: dict[str, Any] = Unpacker(writable=True).unpack(answer)
            return found
        raise self._said(status, answer)

    def get(self, path: str) -> Any:
        """The JSON answer to ``GET path``.

        Raises
        ------
        NESTServerError
            If the server refused, or none answered.
        """
        status, answer = self._send("GET", path, None)
        if status == 200:
            return json.loads(answer)
        raise self._said(status, answer)

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = dict(self._headers)
        if body is not None:
            headers |= {"Content-Type": MSGPACK, "Accept": MSGPACK}
        try:
            reply = self._pool.request(method, self.url + path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise NESTServerError(
                f"no answer from {self.url}: {error}", type(error).__name__, 0
            ) from error
        return reply.status, reply.data

    def _error(self, status: int, body: bytes) -> Exception:
        """What the server says of an operation: its facts, or what stands before it says."""
        try:
            return error_from_facts(Unpacker().unpack(body))
        except (ProtocolError, TypeError, ValueError, AttributeError):
            return self._said(status, body)

    def _said(self, status: int, body: bytes) -> NESTServerError:
        """The error in a JSON or plain answer."""
        try:
            said = json.loads(body)
            return NESTServerError(
                said["message"],
                said.get("error") or "Error",
                status,
                said.get("lineNumber"),
                said.get("traceback") or "",
                said.get("stdout") or "",
            )
        except (ValueError, KeyError, TypeError):
            text = body.decode("utf-8", "replace").strip()
            hint = ": the access token is missing or wrong" if status == 403 else ""
            return NESTServerError(f"{text or 'no explanation'}{hint}", "Unauthorized", status)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()
