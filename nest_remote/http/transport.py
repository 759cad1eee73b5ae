"""Operations over HTTP, with arguments and answers as MessagePack."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nest_remote.calls.blocking import ask
from nest_remote.calls.progress_bar import is_wanted
from nest_remote.http import too_large
from nest_remote.http.connection import DEFAULT_PORT, HttpConnection
from nest_remote.http.parts import deliver
from nest_remote.http.programs import packed_script
from nest_remote.http.reply import Reply
from nest_remote.places import address, find, is_place
from nest_remote.session import unsendable
from nest_remote.warned import tell
from protocol.errors import (
    Diverged,
    KernelLost,
    KernelUnavailable,
    NestdError,
    ProtocolError,
    error_from_facts,
)
from protocol.security.local_token import token_of
from protocol.wire.messages import SIMULATING, Action, Operation
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import Buffer, Reference, Value

if TYPE_CHECKING:
    from nest_remote.direct import DirectLink
    from protocol.runtime.paths import RuntimeDirectory

#: Of a batch or a script, where a PyNEST call has its name.
BATCH = "batch"
SCRIPT = "script"

#: Actions of which the gateway knows the answer while the kernel computes.
_OF_GATEWAY = frozenset([Action.DESCRIBE, Action.INSPECT])
#: For which ``ResetKernel`` waits for a kernel that is started anew, and between two looks.
_RESTART_S = 30.0
_RESTART_LOOK_S = 0.25

_ASYNC = {"Prefer": "respond-async"}


class HttpTransport:
    """Transport of operations over HTTP. Safe for threads; the kernel executes one call at a time.

    Operations go to the kernel itself where that can be reached, see :mod:`nest_remote.direct`.

    Parameters
    ----------
    connection : to the server
    server : directory of the server, if it can be read here
    progress : whether a bar shows how far a long simulation is; see :func:`is_wanted`
    """

    def __init__(
        self,
        connection: HttpConnection,
        progress: bool | None = None,
        server: RuntimeDirectory | None = None,
    ) -> None:
        self.connection = connection
        #: Address of the server.
        self.url = connection.url
        #: Link to the kernel without the gateway; ``None`` without one.
        self.direct: DirectLink | None = None
        if server is not None:
            # A client may be where there is no ZeroMQ.
            with contextlib.suppress(ImportError):
                from nest_remote.direct import DirectLink

                self.direct = DirectLink.to(server, connection)
        #: Whether bars are wanted, where they are seen.
        self.progress = is_wanted(progress)

    @classmethod
    def to(
        cls,
        url: str | PathLike[str],
        token: str | None = None,
        progress: bool | None = None,
        headers: Mapping[str, str] | None = None,
        port: int = DEFAULT_PORT,
    ) -> HttpTransport:
        """Make a transport to the server at ``url``; see :meth:`HttpConnection.to`.

        ``url`` may also be ``"ipc"``, or the path of a connection file.

        Raises
        ------
        ValueError
            If it is no such address.
        """
        if is_place(url):
            server = find(url)
            connection = HttpConnection.to(address(server), token or token_of(server), headers)
            return cls(connection, progress, server)
        connection = HttpConnection.to(str(url), token, headers, port)
        # Who asks for headers wants them to be seen by who is in between.
        return cls(connection, progress, None if headers else connection.server)

    def execute(
        self,
        operation: Operation,
        convert: Callable[[Any], Value],
        reference: Callable[[Reference], Any],
    ) -> Any:
        """Execute ``operation`` and return its value.

        Ctrl-C cancels it; see :func:`nest_remote.calls.blocking.ask`.

        Raises
        ------
        NestdError
            What the kernel or the server says.
        NESTServerError
            If no server answered, or what answered is none.
        TypeError
            If an argument is of a kind that can't be sent.
        """
        shows = self.progress and operation.call in SIMULATING
        label = operation.call or operation.action.value
        until_s = time.monotonic() + _RESTART_S
        while True:
            try:
                return self._execute(operation, label, shows, convert, reference)
            except (Diverged, KernelLost, KernelUnavailable):
                # A kernel that is started anew is what was asked for, once it is there.
                if operation.call != "ResetKernel" or time.monotonic() > until_s:
                    raise
            time.sleep(_RESTART_LOOK_S)

    def _execute(
        self,
        operation: Operation,
        label: str,
        shows: bool,
        convert: Callable[[Any], Value],
        reference: Callable[[Reference], Any],
    ) -> Any:
        direct = self.direct
        if direct is not None and operation.action not in _OF_GATEWAY:
            return direct.execute(operation, label, shows, convert, reference)
        body = _packed(operation, convert)
        reply = ask(self.connection, "/operation", body, label, shows)
        _refuse_large(reply, [operation], body)
        return value_of(reply, reference)

    def execute_all(
        self,
        operations: list[Operation],
        convert: Callable[[Any], Value],
        reference: Callable[[Reference], Any],
    ) -> list[Any]:
        """Execute ``operations`` in one request, with no call of others in between.

        Raises
        ------
        NestdError, NESTServerError, TypeError
            As :meth:`execute`, of the first that fails; in the error are its ``index`` and the
            ``results`` of those before it.
        """
        shows = self.progress and any(operation.call in SIMULATING for operation in operations)
        if self.direct is not None:
            values: list[Any] = self.direct.execute(operations, BATCH, shows, convert, reference)
            return values
        body = _packed(operations, convert)
        reply = ask(self.connection, "/operation", body, BATCH, shows)
        _refuse_large(reply, operations, body)
        found: list[Any] = value_of(reply, reference)
        return found

    def exec(
        self, source: str, returns: Any, program: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run a script on the server and return ``data`` and ``stdout`` of its answer.

        Raises
        ------
        NESTServerError
            As :meth:`execute`, and if the script raised.
        """
        body = packed_script(source, returns, program)
        reply = ask(self.connection, "/exec", body, SCRIPT, self.progress)
        tell(reply.warnings)
        if reply.status != 200:
            raise reply.error()
        found: dict[str, Any] = Unpacker(writable=True).unpack(reply.body)
        return found

    def submit(self, operation: Operation, convert: Callable[[Any], Value]) -> dict[str, Any]:
        """Submit ``operation`` as a job and return the job's description.

        Raises
        ------
        NestdError, NESTServerError, TypeError
            As :meth:`execute`, if the server does not take it.
        """
        body = _packed(operation, convert)
        reply = self._submit("/operation", body)
        _refuse_large(reply, [operation], body)
        if reply.status != 202:
            raise error_of(reply)
        view: dict[str, Any] = reply.json()
        return view

    def submit_script(
        self, source: str, returns: Any, program: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Submit a script as a job and return the job's description.

        Raises
        ------
        NESTServerError
            If the server does not take it.
        """
        reply = self._submit("/exec", packed_script(source, returns, program))
        view: dict[str, Any] = reply.json()
        return view

    def _submit(self, path: str, body: list[Buffer]) -> Reply:
        return deliver(
            self.connection,
            body,
            lambda body, more: self.connection.send("POST", path, body, _ASYNC | more),
        )

    def get(self, path: str) -> Any:
        """Return the JSON answer to ``GET path``.

        Raises
        ------
        NESTServerError
            If the server refused, or none answered.
        """
        return self.connection.send("GET", path).json()

    def files(self) -> list[dict[str, Any]]:
        """Return what the server says of the files that NEST has written.

        Raises
        ------
        NESTServerError
            If the server refused, or none answered.
        """
        found: list[dict[str, Any]] = self.get("/files")["files"]
        return found

    def save_file(self, name: str, path: Path) -> None:
        """Save a file that NEST has written; at ``path`` is the whole of it or what was before.

        Raises
        ------
        NESTServerError
            If the server has no such file, or the transfer is cut.
        OSError
            If the file can't be written here.
        """
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with part.open("xb") as file:
                self.connection.fetch(f"/files/{quote(name)}", file)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def go_over(self, other: HttpTransport) -> None:
        """Go over to the connection of ``other``, to the same kernel."""
        self.progress = other.progress
        before, self.direct = self.direct, other.direct
        if before is not None:
            before.close()
        self.connection.go_over(other.connection)
        if self.direct is not None:
            self.direct.connection = self.connection

    def hold(self, tidy: Callable[[], None]) -> None:
        """Give signs of life from now on, so that the server keeps what this process holds."""
        self.connection.lease.hold(tidy)

    def close(self) -> None:
        """Have the server release what this process holds, and close the connections."""
        self.connection.lease.end()
        direct, self.direct = self.direct, None
        if direct is not None:
            direct.close()
        self.connection.close()


def value_of(reply: Reply, reference: Callable[[Reference], Any]) -> Any:
    """Return the value in the reply to an operation.

    Parameters
    ----------
    reply : in MessagePack, if it went well
    reference : gives what stands for a reference in it

    Raises
    ------
    NestdError
        What the kernel or the server says.
    NESTServerError
        If what answered is no such server.
    """
    if reply.status == 200:
        value = Unpacker(reference=reference, writable=True).unpack(reply.body)
        tell(reply.warnings)
        return value
    tell(reply.warnings)
    raise error_of(reply, reference)


def error_of(reply: Reply, reference: Callable[[Reference], Any] = lambda item: item) -> Exception:
    """Return the error in a reply, with all facts if the reply has them."""
    try:
        facts = Unpacker(reference=reference, writable=True).unpack(reply.body)
        error: NestdError = error_from_facts(facts)
    except (ProtocolError, TypeError, ValueError, AttributeError):
        return reply.error()
    return error


def _refuse_large(reply: Reply, asked: list[Operation], body: list[Buffer]) -> None:
    """Raise if the server says that ``body`` is too large; it does not know what is in there."""
    if reply.status == too_large.STATUS:
        raise too_large.too_large(asked, body, str(error_of(reply)))


def _packed(asked: Operation | list[Operation], convert: Callable[[Any], Value]) -> list[Buffer]:
    fields = list(map(_fields, asked)) if isinstance(asked, list) else _fields(asked)
    try:
        return Packer(tuples=True, convert=convert).pieces(fields)
    except ProtocolError as error:
        raise unsendable(BATCH if isinstance(asked, list) else asked.call, error) from error


def _fields(operation: Operation) -> list[Value]:
    return [operation.action.value, operation.call, operation.args, operation.kwargs]
