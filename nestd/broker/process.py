"""File broker: writes for rank 0 the connection file and what becomes of jobs, and clears up.

Processes that run NEST can be shut in with the files that they need (docs/decisions/0022). The
spool, the connection file and the keys are not among them: this process, which rank 0 starts before
there are NEST and MPI, has them instead. It does no more than rank 0 may have done, see
``ledger.py``, and ends with rank 0, in whatever way that ends.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nestd.broker.ledger import Ledger
from nestd.broker.packets import PART_BYTES, Lookup, PacketKind, PacketSocket, values_of
from protocol.errors import ConfigurationError, ProtocolError, Unavailable
from protocol.process.identity import hide_memory
from protocol.runtime import connection_file
from protocol.runtime.job_store import Spool
from protocol.runtime.message_file import new_file
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import write_private
from protocol.runtime.stored_job import StoredJob, unreadable
from protocol.security.curve_keys import gateway_keys
from protocol.wire.bounds import SIZE_LIMIT_BYTES

#: A connection file of more bytes is none; each rank takes about a hundred.
_CONNECTION_LIMIT_BYTES = 1 << 24

_Packet = tuple[int, PacketKind, memoryview]


class _BrokenOffError(Exception):
    """Raised if rank 0 goes on to something else before it has sent all that it announced."""


class FileBroker:
    """Does for rank 0 what it asks for.

    Parameters
    ----------
    connected : to rank 0
    files : of the server
    generation : of the kernel
    with_keys : whether gateways connect over a network, for which they need keys
    """

    def __init__(
        self,
        connected: PacketSocket,
        files: RuntimeDirectory,
        generation: str,
        with_keys: bool = False,
    ) -> None:
        self._socket = connected
        self._files = files
        self._with_keys = with_keys
        self._spool = Spool(files.jobs)
        self._ledger = Ledger(generation)
        #: Jobs in the ledger; facts of a job do not change.
        self._jobs: dict[str, StoredJob] = {}
        #: Whether the connection file is written.
        self._is_connected = False
        #: Packet that came while another one was awaited.
        self._next: _Packet | None = None
        self._handlers: dict[PacketKind, Callable[..., None]] = {
            PacketKind.HELLO: self._greet,
            PacketKind.CONNECT: self._write_connection_file,
            PacketKind.FIND: self._find,
            PacketKind.CLAIM: self._claim,
            PacketKind.PRINT: self._print,
            PacketKind.END: self._end,
            PacketKind.NOTE: self._note,
        }

    def serve(self) -> None:
        """Do what rank 0 asks for until it has ended."""
        while True:
            packet, self._next = self._next or self._socket.receive(), None
            if packet is None:
                return
            number, kind, content = packet
            # Parts that nobody awaits are of a request that a signal has interrupted.
            if kind is not PacketKind.PART:
                with contextlib.suppress(_BrokenOffError):
                    self._handlers[kind](number, *values_of(content))

    def _answer(self, number: int, *values: Any) -> None:
        self._socket.send(number, PacketKind.ANSWER, *values)

    def _uploaded(self, number: int, length: int) -> Iterator[memoryview]:
        """Ask rank 0 for the parts of what it announced, and yield them as they come.

        Raises
        ------
        _BrokenOffError
            If rank 0 has gone on to something else.
        """
        self._socket.send(number, PacketKind.GO_ON)
        while length > 0:
            packet = self._socket.receive()
            if packet is None or packet[:2] != (number, PacketKind.PART):
                self._next = packet
                raise _BrokenOffError
            length -= len(packet[2])
            yield packet[2]

    # What is asked for

    def _greet(self, number: int) -> None:
        problem = None
        if self._with_keys:
            try:
                gateway_keys(self._files)
            except ConfigurationError as error:
                problem = error.message
        self._answer(number, problem)

    def _write_connection_file(self, number: int, length: int) -> None:
        if self._is_connected:
            # Written before any caller is served. Later, code in the kernel may ask: gateways
            # connect to what the file names, and signal the processes in it.
            return self._answer(number, "it is written already")
        if length > _CONNECTION_LIMIT_BYTES:
            raise ProtocolError(f"{length} bytes are no connection file")
        content = b"".join(map(bytes, self._uploaded(number, length)))
        try:
            write_private(self._files.connection_file, content)
        except OSError as error:
            return self._answer(number, error.strerror or str(error))
        self._is_connected = True
        return self._answer(number, None)

    def _find(self, number: int, id: str) -> None:
        try:
            job = self._spool.find(id)
        except Unavailable as error:
            return self._answer(number, Lookup.UNREADABLE.value, error.message)
        if job is None:
            return self._answer(number, Lookup.MISSING.value, "")
        # A claim is cheaper to look for, and is there in most cases if an answer is.
        is_settled = job.claim is not None or job.ended_s is not None
        outcome = self._ledger.outcome(id, job.facts.generation, is_settled)
        if outcome is not Lookup.READY:
            said = {Lookup.FOREIGN: job.facts.generation, Lookup.UNREADABLE: "too many wait"}
            return self._answer(number, outcome.value, said.get(outcome, ""))
        self._ledger.begin(id)
        self._jobs[id] = job
        return self._send_request(number, job)

    def _send_request(self, number: int, job: StoredJob) -> None:
        try:
            file = (job.path / "request").open("rb")
        except FileNotFoundError:
            return self._answer(number, Lookup.DAMAGED.value, "")
        except OSError as error:
            return self._answer(
                number, Lookup.UNREADABLE.value, unreadable(job.path, error).message
            )
        with file:
            self._answer(number, Lookup.READY.value, os.fstat(file.fileno()).st_size)
            while part := file.read(PART_BYTES):
                self._socket.send_parts(number, [part])
        return None

    def _claim(self, number: int, id: str, by: str) -> None:
        if not self._ledger.may_claim(id, by):
            return self._answer(number, False, f"job {id:.80} is not this kernel's")
        job, problem = self._jobs[id], None
        try:
            is_claimed = job.take(by)
        except OSError as error:
            # The claim can't be written. Unless another process has one, the job counts as rank
            # 0's, so that its caller gets an answer.
            is_claimed, problem = job.claim is None, error.strerror or str(error)
        if is_claimed:
            self._ledger.claim(id, by)
        else:
            self._forget(id)
        return self._answer(number, is_claimed, problem)

    def _print(self, number: int, id: str, output: bytes) -> None:
        if self._ledger.may_print(id):
            self._jobs[id].print(output)

    def _end(self, number: int, id: str, length: int) -> None:
        if not self._ledger.may_end(id) or not 0 <= length <= SIZE_LIMIT_BYTES:
            return self._answer(number, errno.EEXIST, "it has ended")
        job = self._jobs[id]
        try:
            job.refuse_second_answer()
            with new_file(job.path / "result") as file:
                for part in self._uploaded(number, length):
                    file.write(part)
        except FileExistsError:
            self._forget(id)
            return self._answer(number, errno.EEXIST, "it has ended")
        except OSError as error:
            return self._answer(number, error.errno or errno.EIO, error.strerror or str(error))
        self._forget(id)
        return self._answer(number, 0, "")

    def _note(self, number: int, id: str, kind: str, message: str) -> None:
        if self._ledger.may_end(id):
            self._jobs[id].note(kind, message)
            self._forget(id)
        self._answer(number)

    def _forget(self, id: str) -> None:
        self._ledger.end(id)
        del self._jobs[id]


def clear_up(files: RuntimeDirectory, generation: str) -> None:
    """Remove what a kernel leaves that was killed, and what it can't reach if it was not."""
    connection_file.remove_own(files.connection_file, generation)
    files.remove_kernel_files(generation)


def main() -> None:
    """Serve rank 0 over the socket whose file descriptor is the first argument."""
    hide_memory()
    # Slurm sends them to every process of a job; this one clears up after nestd.
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(sig, signal.SIG_IGN)
    descriptor, path, generation, keys = sys.argv[1:]
    files = RuntimeDirectory.of(Path(path))
    connected = PacketSocket(socket.socket(fileno=int(descriptor)))
    # Rank 0 may end in the middle of anything.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        FileBroker(connected, files, generation, json.loads(keys)).serve()
    clear_up(files, generation)


if __name__ == "__main__":
    main()
