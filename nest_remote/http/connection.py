"""HTTP connections to a server, kept open between requests."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NoReturn
from urllib.parse import quote, urlsplit

import numpy as np
import urllib3

from nest_remote import forks
from nest_remote.errors import NESTServerError
from nest_remote.http.lease import Lease
from nest_remote.http.parts import BodyLimits
from nest_remote.http.reply import Reply
from protocol.security.local_token import find_server, token_of
from protocol.wire.unpack import LARGE_BYTES
from protocol.wire.values import Buffer

CONNECT_TIMEOUT_S = 10.0
#: For which a server may be silent that sends a file.
SILENCE_TIMEOUT_S = 60.0
DEFAULT_PORT = 52425
MSGPACK = "application/x-msgpack"

#: Connections that are kept open, one for each thread that calls at the same time.
_KEPT = 64

#: Of a large body that are read at a time.
_PIECE_BYTES = 1 << 18


class HttpConnection:
    """Connections to one server. Safe for threads; a forked process has connections of its own.

    Parameters
    ----------
    host, port : of the server
    token : access token; without one, ``NEST_SERVER_ACCESS_TOKEN`` is taken, or that of the
        user's own server on this machine
    prefix : path of the server behind a proxy, such as ``/user/me/proxy/52425``
    headers : of each request, such as what a proxy asks for
    """

    def __init__(
        self,
        host: str,
        port: int,
        token: str | None = None,
        scheme: str = "http",
        prefix: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._origin = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        self._prefix = prefix
        self.url = self._origin + prefix
        #: Directory of the server, if it is the user's own on this machine.
        self.server = find_server(host, port) if scheme == "http" and not prefix else None
        token = token or os.environ.get("NEST_SERVER_ACCESS_TOKEN") or token_of(self.server)
        self._headers = ({"NESTServerAuth": token} if token else {}) | dict(headers or {})
        self._opened: weakref.WeakSet[Any] = weakref.WeakSet()
        self._pool = self._new_pool()
        forks.watch(self)
        #: On what this process holds in the kernel.
        self.lease = Lease(self)
        #: Limits for bodies, once the server has refused one.
        self.limits: BodyLimits | None = None

    @classmethod
    def to(
        cls,
        url: str,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        port: int = DEFAULT_PORT,
    ) -> HttpConnection:
        """Make the connections to the server at ``url``.

        Parameters
        ----------
        url : such as ``host``, ``http://host:52425``, or ``https://host/user/me/proxy/52425``
        token, headers : as for the class
        port : of a server without a path, if ``url`` has none

        Raises
        ------
        ValueError
            If it is no such address.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            named = parts.port
        except ValueError as error:
            raise ValueError(f"{url!r} is no address of a server: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a server, such as http://127.0.0.1:52425")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(
                "an address of a server is host, port and path; give its token as token=, and "
                "what a proxy asks for as headers="
            )
        prefix = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
        usual = 443 if parts.scheme == "https" else 80 if prefix else port
        return cls(parts.hostname, named or usual, token, parts.scheme, prefix, headers)

    def send(
        self,
        method: str,
        path: str,
        body: list[Buffer] | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Send a request and return its reply.

        Parameters
        ----------
        method, path : of the request
        body : MessagePack, in pieces
        headers : besides the usual ones
        timeout_s : time for the answer; ``None`` for as long as it takes

        Raises
        ------
        NESTServerError
            If no server answered.
        """
        sent = self._headers | self.lease.headers | (headers or {})
        # The library sends memory as it does bytes, and its types do not say so.
        pieces: Any = body
        if body is not None:
            sent |= {"Content-Type": MSGPACK, "Accept": MSGPACK}
            # Else the library, which does not know how long a list of pieces is, sends chunks.
            sent["Content-Length"] = str(sum(map(len, body)))
        timeout = self._pool.timeout if timeout_s is None else timeout_s
        with self._answer(method, path, sent, timeout, pieces) as reply:
            is_msgpack = reply.headers.get("Content-Type") == MSGPACK
            found = _large_body(reply) if is_msgpack else None
            data = reply.data if found is None else found
            return Reply(reply.status, data, is_msgpack, reply.headers)

    def fetch(self, path: str, file: BinaryIO) -> None:
        """Write the body of the reply to ``GET path`` into a file, piece by piece.

        Raises
        ------
        NESTServerError
            If no server answered, the server refused, or the body ended before it was complete.
        """
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=SILENCE_TIMEOUT_S)
        with self._answer("GET", path, self._headers, timeout) as reply:
            if reply.status != 200:
                raise Reply(reply.status, reply.data, False, reply.headers).error()
            for piece in reply.stream(_PIECE_BYTES):
                file.write(piece)

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, headers: dict[str, str], timeout: Any, body: Any = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Give the answer to a request, whose body is still to be read.

        Raises
        ------
        NESTServerError
            If no server answered, or the body ended before it was complete.
        """
        try:
            reply = self._pool.urlopen(
                method,
                self._prefix + path,
                body,
                headers,
                redirect=False,
                timeout=timeout,
                preload_content=False,
            )
            try:
                yield reply
            except BaseException:
                # Whoever keeps the exception keeps the reply, and the server would wait to send
                # the rest of it.
                reply.close()
                raise
        except urllib3.exceptions.HTTPError as error:
            # Without the library's own tracebacks: there are five, about one refused connection.
            raise NESTServerError(
                f"no answer from {self.url}: {_reason(error)}", type(error).__name__, 0
            ) from None

    def close(self) -> None:
        """Close all connections. A later request raises ``ConnectionError``."""
        pool, self._pool = self._pool, _Closed(self.url)
        pool.close()

    def go_over(self, other: HttpConnection) -> None:
        """Go over to the address, the headers and the connections of ``other``."""
        before = self._pool
        # All but what this process holds in the kernel, which stays this one's.
        self.__dict__.update({name: it for name, it in vars(other).items() if name != "lease"})
        before.close()

    def fork_locks(self) -> Iterable[threading.Lock]:
        """Return the lock of the pool: the child's garbage collection empties the pool."""
        return [] if self._pool.pool is None else [self._pool.pool.mutex]

    def begin_anew(self) -> None:
        """Leave the connections to the parent; see :class:`nest_remote.forks.Inherited`."""
        for opened in list(self._opened):
            # The parent's connection ends when the parent ends it: without a copy here, and
            # without a last word of TLS. Also those that other threads of the parent use.
            if opened.sock is not None:
                with contextlib.suppress(OSError):
                    os.close(opened.sock.detach())
        self._opened.clear()
        if not isinstance(self._pool, _Closed):
            self._pool = self._new_pool()

    def _new_pool(self) -> Any:
        # Of one server: finding it among those of others costs as much as the rest of a call.
        pool = urllib3.connection_from_url(
            self._origin,
            maxsize=_KEPT,
            retries=False,
            # A simulation takes as long as it takes: no limit for the answer.
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=None),
        )
        make: Any = pool.ConnectionCls
        known = self._opened  # Not self, as the pool may go over to another.

        def open_connection(**options: Any) -> Any:
            opened = make(**options)
            known.add(opened)
            return opened

        pool.ConnectionCls = open_connection  # type: ignore[assignment]
        return pool


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    """Return why nobody answered, with what to do next where that is known."""
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"no HTTPS with it, perhaps it has http://…: {error.__cause__ or error}"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return (
            f"{str(error).rpartition(': ')[2]} It is there and silent; has it http:// or https://?"
        )
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "there is no host of that name"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        why = str(error.__cause__ or error).rpartition("] ")[2]
        return f"{why}; is the server running? nest-server start"
    return str(error)


class _Closed:
    """Pool of a connection that was closed."""

    timeout = None
    pool = None

    def __init__(self, url: str) -> None:
        self._url = url

    def urlopen(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ConnectionError(
            f"disconnected from {self._url}: connect again, and make objects anew"
        )

    def close(self) -> None:
        """Do nothing."""


def _large_body(reply: urllib3.BaseHTTPResponse) -> memoryview | None:
    """Read a large, uncompressed body into one buffer; return ``None`` for any other.

    The arrays in it then lie where it was read to: a copy of them costs several times what
    reading takes, most of it for memory that is written to for the first time.
    """
    length = reply.length_remaining
    # A reply to HEAD has a length without a body, and chunks are another matter.
    if length is None or length < LARGE_BYTES or "Content-Encoding" in reply.headers:
        return None
    # Unlike a bytearray it is not filled with zeros before.
    body = np.empty(length, np.uint8).data
    at = 0
    while at < length:
        piece = reply.read(min(_PIECE_BYTES, length - at), decode_content=False)
        if not piece:
            raise urllib3.exceptions.ProtocolError("the body ended before it was complete")
        body[at : at + len(piece)] = piece
        at += len(piece)
    return body
