"""Job on disk: what it is to do, what it prints, and its result.

Each job has a directory, private to its user. A gateway makes it, nestd works on it, any gateway
reads it; so a job needs neither the caller nor the gateway it came from, and its result outlives
the kernel. In the directory are

====================  =====================================================================
``facts.json``        what it is, when and by whom it was asked for; never changed
``request``           the message to be executed
``claim``             who took it: nestd to execute it, or whoever ends it before that; the
                      first process to make this file has the job
``output``            what a script has printed so far, in pieces
``result``            the message that answers it; there when it has ended, and never replaced; of a
                      job that was cancelled before it began, the claim says so instead
``note``              room for one line, kept from the start, for when the disk is full
====================  =====================================================================

A file is written under another name and then gets its own, so whatever has its name is whole.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import secrets
import shutil
import struct
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from protocol.errors import (
    InternalError,
    NestdError,
    ProtocolError,
    Unavailable,
    error_from_facts,
)
from protocol.runtime.message_file import read_message, write_message
from protocol.wire import frames
from protocol.wire.messages import Failure, Message, Result, Task
from protocol.wire.values import Buffer

#: Beginning of the file of what a script has printed. The file is in pieces, each after its length:
#: callers choose what is printed, and must not make a file that another program takes for its own.
_OUTPUT_HEAD = b"\x00nestd: output of a job, in pieces\n"
_PIECE = struct.Struct("<I")
_PIECE_BYTES = 1 << 12

#: Size of the note: enough for one line about a job when the disk is full.
NOTE_BYTES = 1024


@dataclass(frozen=True)
class Facts:
    """Facts that are known of a job from the start."""

    id: str
    #: The PyNEST call, ``"batch"`` or ``"script"``.
    label: str
    #: When it was accepted, seconds since 1970.
    created_s: float
    #: Generation of the kernel it was accepted for; another kernel has another network.
    generation: str
    #: Media type of the answer that the caller wants.
    accepts: str
    #: Digest of the request, to tell it from another under the same key; the spool makes it.
    digest: str = ""


@dataclass(frozen=True)
class Claim:
    """Claim of a job: who took it, and when."""

    by: str
    at_s: float


#: Claims of no kernel: the job was cancelled before it began, or its kernel ended before. Any other
#: claim names the generation of the kernel that executes the job.
CANCELLED, LOST = "cancelled", "lost"


class StoredJob:
    """Directory of one job.

    Parameters
    ----------
    path : of the directory
    facts : if they are known; else they are read
    """

    def __init__(self, path: Path, facts: Facts | None = None) -> None:
        self.path = path
        self.facts = facts or Facts(**json.loads((path / "facts.json").read_bytes()))
        # What does not change any more once it is there.
        self._claim: Claim | None = None
        self._ended_s: float | None = None
        self._ended_bytes: int | None = None

    @property
    def id(self) -> str:
        """Return the name of the job."""
        return self.facts.id

    def request(self) -> Task:
        """Return the message to be executed.

        Raises
        ------
        InternalError
            If it can't be read.
        """
        message = None
        with contextlib.suppress(OSError):
            message = read_message(self.path / "request")
        if not isinstance(message, Task):
            raise InternalError(f"the request of job {self.id} can't be read")
        return message

    def take(self, by: str) -> bool:
        """Claim the job, unless it is claimed; return whether this call has claimed it.

        Parameters
        ----------
        by : generation of the kernel that is about to execute it, ``CANCELLED`` or ``LOST``

        Raises
        ------
        OSError
            If there is no room for the claim, or no such job any more.
        """
        # Whole before it has its name: whoever finds the claim can read it.
        handle, temporary = tempfile.mkstemp(dir=self.path)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(asdict(Claim(by, time.time())), file)
            os.link(temporary, self.path / "claim")
        except FileExistsError:
            return False
        finally:
            Path(temporary).unlink(missing_ok=True)
        return True

    @property
    def claim(self) -> Claim | None:
        """Return the claim of the job; ``None`` if there is none."""
        if self._claim is None:
            with contextlib.suppress(OSError, ValueError, TypeError):
                self._claim = Claim(**json.loads((self.path / "claim").read_bytes()))
        return self._claim

    @property
    def exists(self) -> bool:
        """Return whether the job has not been removed."""
        return self.path.exists()

    @property
    def ended_s(self) -> float | None:
        """Return when the job ended, seconds since 1970; ``None`` if it has not."""
        if self._ended_s is None:
            self._ended_s = self._read_end()
        return self._ended_s

    def _read_end(self) -> float | None:
        for name in ("result", "note"):
            with contextlib.suppress(OSError):
                status = (self.path / name).stat()
                if name == "result" or self._noted():
                    return status.st_mtime
        claim = self.claim
        return claim.at_s if claim is not None and claim.by == CANCELLED else None

    def print(self, output: bytes) -> None:
        """Append output of a script, as far as there is room for it."""
        with contextlib.suppress(OSError), _open_output(self.path / "output") as file:
            if file.seek(0, os.SEEK_END) == 0:
                file.write(_OUTPUT_HEAD)
            for at in range(0, len(output), _PIECE_BYTES):
                piece = output[at : at + _PIECE_BYTES]
                begin = file.tell()
                written = file.write(_PIECE.pack(len(piece)) + piece) - _PIECE.size
                if written < len(piece):
                    # There was room for a part of it, or for none.
                    if written > 0:
                        file.seek(begin)
                        file.write(_PIECE.pack(written))
                    else:
                        file.truncate(begin)
                    break

    def output(self) -> bytes:
        """Return what a script has printed so far."""
        try:
            content = memoryview((self.path / "output").read_bytes())
        except FileNotFoundError:
            return b""
        pieces, at = [], len(_OUTPUT_HEAD)
        # Another process may be writing the last one.
        while at + _PIECE.size <= len(content):
            (length,) = _PIECE.unpack_from(content, at)
            pieces.append(content[at + _PIECE.size : at + _PIECE.size + length])
            at += _PIECE.size + length
        return b"".join(pieces)

    def end(self, answer: Message) -> NestdError | None:
        """Keep the job's answer, see :func:`keep_answer`."""
        return keep_answer(self, answer)

    def refuse_second_answer(self) -> None:
        """Raise if the job has its answer.

        Raises
        ------
        FileExistsError
            If it has.
        """
        if (self.path / "result").exists() or self._noted() is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def write_result(self, parts: Sequence[Buffer]) -> None:
        """Keep the frames of the job's answer.

        Raises
        ------
        FileExistsError
            If it has its answer.
        OSError
            If there is no room for it.
        """
        self.refuse_second_answer()
        write_message(self.path / "result", parts)

    def answer(self) -> Result | Failure | None:
        """Return the job's answer; ``None`` if it has not ended, or was cancelled before it began.

        Raises
        ------
        Unavailable
            If the answer can't be read now, but perhaps later.
        """
        if (self.path / "result").exists():
            try:
                message = read_message(self.path / "result")
            except FileNotFoundError:
                message = None
            except OSError as error:
                raise unreadable(self.path, error) from error
            if isinstance(message, (Result, Failure)):
                return message
            return Failure(self.id, "", InternalError("its result can't be read"))
        noted = self._noted()
        return Failure(self.id, "", noted) if noted else None

    @property
    def bytes(self) -> int:
        """Return the bytes that the job takes on disk."""
        if self._ended_bytes is not None:
            return self._ended_bytes
        has_ended, total = self.ended_s is not None, 0
        # Another process may be removing it.
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                with contextlib.suppress(OSError):
                    total += path.stat().st_size
            if has_ended:
                self._ended_bytes = total
        return total

    def remove(self) -> None:
        """Remove the job from the disk."""
        leaving = self.path.parent / f".{self.id}-{secrets.token_hex(4)}"
        with contextlib.suppress(OSError):
            self.path.rename(leaving)
            shutil.rmtree(leaving, ignore_errors=True)

    def note(self, kind: str, message: str) -> None:
        """Keep an error as the job's answer where there is no room for a file."""
        while True:
            line = json.dumps({"kind": kind, "message": message}).encode()
            if len(line) <= NOTE_BYTES:
                break
            message = message[: len(message) // 2]
        # In place, where there is room; in one write, so that nobody sees half of it.
        with contextlib.suppress(OSError), (self.path / "note").open("r+b", buffering=0) as file:
            file.write(line.ljust(NOTE_BYTES))

    def _noted(self) -> NestdError | None:
        with contextlib.suppress(OSError, ValueError, ProtocolError):
            line = (self.path / "note").read_bytes().strip()
            return error_from_facts(json.loads(line)) if line else None
        return None


def _open_output(path: Path) -> io.FileIO:
    return io.FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "w")


class AnswerPlace(Protocol):
    """Place that keeps the answer of one job: its directory, or who writes into that."""

    @property
    def id(self) -> str:
        """Return the name of the job."""

    def write_result(self, parts: Sequence[Buffer]) -> None:
        """Keep the frames of the answer, or raise an ``OSError``."""

    def note(self, kind: str, message: str) -> None:
        """Keep an error in the room that was set aside for it."""


def keep_answer(place: AnswerPlace, answer: Message) -> NestdError | None:
    """Keep a job's answer, unless there is one; return the error if it can't be kept.

    Parameters
    ----------
    place : that keeps it
    answer : a Result or a Failure
    """
    try:
        place.write_result(frames.encode(answer))
    except FileExistsError:
        return None
    except (OSError, ProtocolError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        lost: NestdError = InternalError(f"it was executed, but its result can't be kept: {why}")
        if isinstance(answer, Failure):
            # Shorter, but of the same kind.
            lost = type(answer.error)(answer.error.message)
        try:
            place.write_result(frames.encode(Failure(place.id, "", lost)))
        except OSError:
            place.note(lost.kind, lost.message)
        return lost
    return None


def unreadable(path: Path, error: OSError) -> Unavailable:
    """Return the error for a file or directory of jobs that can't be read now."""
    return Unavailable(f"jobs can't be read now: {error.strerror}: {path}", retry_after_s=1)
