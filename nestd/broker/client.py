"""Rank 0's end of its file broker: starts it, asks it, and notices its end.

A file broker that has ended is not started again: by then rank 0 is shut in, and what it starts is
shut in with it. The kernel goes on without jobs, and its status says so.
"""

from __future__ import annotations

import errno
import json
import logging
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nestd.broker.packets import PART_BYTES, Lookup, PacketKind, PacketSocket, values_of
from protocol.errors import (
    ConfigurationError,
    InternalError,
    KernelLost,
    NestdError,
    ProtocolError,
    Unavailable,
)
from protocol.process.identity import describe_exit, python_command
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.message_file import message_of
from protocol.runtime.stored_job import keep_answer
from protocol.wire.messages import Message, Task
from protocol.wire.streams import head_of
from protocol.wire.values import Buffer

log = logging.getLogger(__name__)

#: How long the file broker may take for one step, such as writing one part of a result.
_STEP_S = 60.0
#: How often it is looked whether the file broker runs.
_LOOK_S = 0.5
#: How long it may take to clear up; launchers give a rank a second to end.
_CLEARED_S = 2.0
#: Bytes of output in one packet, beside what else is in it.
_PRINTED_BYTES = PART_BYTES - 1024


class BrokerLost(OSError):
    """File broker that has ended."""


class BrokerClient:
    """Rank 0's end of its file broker.

    Parameters
    ----------
    connected : to the file broker
    process : of the file broker
    """

    def __init__(self, connected: PacketSocket, process: subprocess.Popen[bytes]) -> None:
        self._socket = connected
        self._socket.limit_waits(_STEP_S)
        self._process = process
        self._number = 0
        self._end = ""
        #: When to look next whether the process runs, by the monotonic clock.
        self._look_s = 0.0

    @classmethod
    def start(cls, connection_file: Path, generation: str, with_keys: bool) -> BrokerClient:
        """Start a file broker.

        Parameters
        ----------
        connection_file : of the kernel; the spool is beside it
        generation : of the kernel
        with_keys : whether gateways connect over a network, for which they need keys
        """
        ours, theirs = PacketSocket.pair()
        with theirs:
            process = subprocess.Popen(
                python_command(
                    "nestd.broker.process",
                    str(theirs.fileno()),
                    str(connection_file),
                    generation,
                    json.dumps(with_keys),
                ),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                # Signals for rank 0 are not for this process, which ends after it.
                start_new_session=True,
            )
        return cls(ours, process)

    @property
    def end(self) -> str:
        """Return how the file broker has ended, for a person; empty while it runs."""
        now_s = time.monotonic()
        # Asked for with each command, which the system's answer would make slower.
        if not self._end and now_s >= self._look_s:
            self._look_s = now_s + _LOOK_S
            if self._process.poll() is not None:
                self._lose()
        return self._end

    def await_ready(self) -> None:
        """Wait until the file broker serves.

        Raises
        ------
        ConfigurationError
            If it does not, or can't with the files that there are.
        """
        try:
            (problem,) = self._ask(PacketKind.HELLO)
        except BrokerLost as error:
            raise ConfigurationError(f"{error.strerror}, at its start") from error
        if problem is not None:
            raise ConfigurationError(problem)

    def connect(self, info: ConnectionInfo) -> None:
        """Have the connection file written.

        Raises
        ------
        ConfigurationError
            If it can't be.
        """
        content = json.dumps(asdict(info), indent=1).encode() + b"\n"
        try:
            (problem,) = self._ask(PacketKind.CONNECT, len(content), parts=[content])
        except BrokerLost as error:
            problem = error.strerror
        if problem is not None:
            raise ConfigurationError(f"the connection file can't be written: {problem}")

    def find(self, id: str) -> BrokeredJob | None:
        """Return a job to be executed; ``None`` if there is nothing to do for it.

        Raises
        ------
        ProtocolError
            If there is no such job.
        KernelLost
            If it was accepted for another kernel.
        Unavailable
            If that can't be known now.
        """
        try:
            found, said = self._ask(PacketKind.FIND, id)
            outcome = Lookup(found)
            if outcome is Lookup.READY:
                return BrokeredJob(self, id, self._download(said))
        except BrokerLost as error:
            raise Unavailable(self._end) from error
        if outcome is Lookup.DAMAGED:
            return BrokeredJob(self, id, memoryview(b""))
        if outcome is Lookup.MISSING:
            raise ProtocolError(f"there is no job {id:.80} in the spool")
        if outcome is Lookup.FOREIGN:
            # The kernel for which the job was accepted took it along; the gateway says so.
            raise KernelLost(f"job {id} was accepted for kernel {said}")
        if outcome is Lookup.UNREADABLE:
            raise Unavailable(said, retry_after_s=1)
        return None

    def claim(self, id: str, by: str) -> tuple[bool, str | None]:
        """Claim a job, see :meth:`BrokeredJob.take`."""
        is_claimed, problem = self._ask(PacketKind.CLAIM, id, by)
        return is_claimed, problem

    def print(self, id: str, output: bytes) -> None:
        """Have output of a job's script kept, without waiting for that."""
        for at in range(0, len(output), _PRINTED_BYTES):
            self._send(PacketKind.PRINT, id, output[at : at + _PRINTED_BYTES])

    def write_result(self, id: str, parts: Sequence[Buffer]) -> None:
        """Have the frames of a job's answer kept."""
        whole = [head_of(parts), *parts]
        size = sum(memoryview(part).nbytes for part in whole)
        number, text = self._ask(PacketKind.END, id, size, parts=whole)
        if number:
            raise FileExistsError(number, text) if number == errno.EEXIST else OSError(number, text)

    def note(self, id: str, kind: str, message: str) -> None:
        """Have an error kept as a job's answer."""
        self._ask(PacketKind.NOTE, id, kind, message[: _PRINTED_BYTES // 4])

    def close(self) -> None:
        """End the file broker, and wait until it has cleared up.

        Slurm kills what is left of a job as soon as its tasks have ended.
        """
        self._socket.close()
        try:
            self._process.wait(_CLEARED_S)
        except subprocess.TimeoutExpired:
            # It ends by itself.
            self._process.returncode = 0

    def _send(self, kind: PacketKind, *content: Any) -> None:
        """Send a request under a new number."""
        if self._end:
            raise BrokerLost(errno.EPIPE, self._end)
        self._number += 1
        try:
            self._socket.send(self._number, kind, *content)
        except OSError as error:
            raise self._lost(error) from error

    def _ask(self, kind: PacketKind, *content: Any, parts: Sequence[Buffer] = ()) -> list[Any]:
        """Send a request, and return its answer.

        Parameters
        ----------
        kind : of the request
        content : of the request
        parts : what is sent when the file broker asks for it

        Raises
        ------
        BrokerLost
            If the file broker has ended, or does not answer.
        """
        self._send(kind, *content)
        try:
            while True:
                packet = self._socket.receive()
                if packet is None:
                    raise self._lost(None)
                number, answered, answer = packet
                # Others are of requests that a signal has interrupted.
                if number == self._number and answered is PacketKind.GO_ON:
                    self._socket.send_parts(number, parts)
                elif number == self._number and answered is PacketKind.ANSWER:
                    return values_of(answer)
        except BrokerLost:
            raise
        except OSError as error:
            raise self._lost(error) from error

    def _download(self, length: int) -> memoryview:
        """Receive what follows an answer."""
        whole = memoryview(bytearray(length))
        left = whole
        while left:
            try:
                packet = self._socket.receive(left[:PART_BYTES])
            except OSError as error:
                raise self._lost(error) from error
            if packet is None:
                raise self._lost(None)
            left = left[len(packet[2]) :]
        return whole

    def _lost(self, error: OSError | None) -> BrokerLost:
        """Take note that the file broker is lost; return the error that says so."""
        if not self._end:
            self._lose(isinstance(error, BlockingIOError))
        return BrokerLost(errno.EPIPE, self._end)

    def _lose(self, is_late: bool = False) -> None:
        how = f"has not answered for {_STEP_S:g} s and was killed"
        try:
            # A process whose socket is closed is about to end.
            status = self._process.wait(0 if is_late else _CLEARED_S)
            how = f"has ended with {describe_exit(status)}"
        except subprocess.TimeoutExpired:
            self._socket.close()
            try:
                self._process.kill()
                self._process.wait()
            except PermissionError:
                # Rank 0 is shut in, and it ends by itself.
                self._process.returncode = 0
        self._end = f"the kernel's file broker (process {self._process.pid}), which keeps jobs, "
        self._end += how
        log.error("%s; calls go on without jobs until a new kernel is started", self._end)


class BrokeredJob:
    """Job in the spool, as rank 0 works on it.

    Parameters
    ----------
    broker : that has the spool
    id : of the job
    request : file of its request
    """

    def __init__(self, broker: BrokerClient, id: str, request: memoryview) -> None:
        self._broker = broker
        self._request = request
        self.id = id

    def request(self) -> Task:
        """Return the message to be executed.

        Raises
        ------
        InternalError
            If it can't be read.
        """
        whole, self._request = self._request, memoryview(b"")
        message = message_of(whole)
        if not isinstance(message, Task):
            raise InternalError(f"the request of job {self.id} can't be read")
        return message

    def take(self, by: str) -> tuple[bool, str | None]:
        """Claim the job; return whether rank 0 has it, and why that can't be noted, if so.

        Parameters
        ----------
        by : generation of this kernel, ``CANCELLED`` or ``LOST``
        """
        try:
            return self._broker.claim(self.id, by)
        except BrokerLost as error:
            # Whoever asks for the job is answered by the gateway.
            return True, error.strerror

    def print(self, output: bytes) -> None:
        """Append output of a script, as far as there is room for it."""
        try:
            self._broker.print(self.id, output)
        except BrokerLost:
            # It was logged, and the gateway answers for the job.
            return

    def write_result(self, parts: Sequence[Buffer]) -> None:
        """Keep the frames of the job's answer, or raise an ``OSError``."""
        self._broker.write_result(self.id, parts)

    def note(self, kind: str, message: str) -> None:
        """Keep an error as the job's answer where there is no room for a file."""
        try:
            self._broker.note(self.id, kind, message)
        except BrokerLost:
            return

    def end(self, answer: Message) -> NestdError | None:
        """Keep the job's answer, see :func:`protocol.runtime.stored_job.keep_answer`."""
        return keep_answer(self, answer)
