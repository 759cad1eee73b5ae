"""Job on disk: what it is to do, what it prints, and its result.

Each job has a directory, private to its user. A gateway makes it, nestd works on it, any gateway
reads it; so a job needs neither the caller nor the gateway it came from, and its result outlives
the kernel. In the directory are

====================  =====================================================================
``facts.json``        what it is, when and by whom it was asked for; never changed
``request``           the message to be executed
``claim``             who took it: nestd to execute it, or whoever ends it before that; the
                      first process to make this file has the job
``output``            what a script has printed so far
``result``            the message that answers it; there when it has ended, and never replaced; of a
                      job that was cancelled before it began, the claim says so instead
``note``              room for one line, kept from the start, for when the disk is full
====================  =====================================================================

A file is written under another name and then gets its own, so whatever has its name is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

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
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts = Facts(**json.loads((path / "facts.json").read_bytes()))

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
        try:
            return Claim(**json.loads((self.path / "claim").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def exists(self) -> bool:
        """Return whether the job has not been removed."""
        return self.path.exists()

    @property
    def ended_s(self) -> float | None:
        """Return when the job ended, seconds since 1970; ``None`` if it has not."""
        for name in ("result", "note"):
            with contextlib.suppress(OSError):
                status = (self.path / name).stat()
                if name == "result" or self._noted():
                    return status.st_mtime
        claim = self.claim
        return claim.at_s if claim is not None and claim.by == CANCELLED else None

    def print(self, output: bytes) -> None:
        """Append output of a script, as far as there is room for it."""
        with contextlib.suppress(OSError), (self.path / "output").open("ab") as file:
            file.write(output)

    def output(self) -> bytes:
        """Return what a script has printed so far."""
        try:
            return (self.path / "output").read_bytes()
        except FileNotFoundError:
            return b""

    def end(self, answer: Message) -> NestdError | None:
        """Keep the job's answer, unless there is one; return the error if it can't be kept.

        Parameters
        ----------
        answer : a Result or a Failure
        """
        if (self.path / "result").exists() or self._noted() is not None:
            return None
        try:
            write_message(self.path / "result", frames.encode(answer))
        except FileExistsError:
            return None
        except (OSError, ProtocolError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            lost: NestdError = InternalError(
                f"it was executed, but its result can't be kept: {why}"
            )
            if isinstance(answer, Failure):
                # Shorter, but of the same kind.
                lost = type(answer.error)(answer.error.message)
            try:
                write_message(self.path / "result", frames.encode(Failure(self.id, "", lost)))
            except OSError:
                self._note(lost)
            return lost
        return None

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
        total = 0
        # Another process may be removing it.
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                with contextlib.suppress(OSError):
                    total += path.stat().st_size
        return total

    def remove(self) -> None:
        """Remove the job from the disk."""
        leaving = self.path.parent / f".{self.id}-{secrets.token_hex(4)}"
        with contextlib.suppress(OSError):
            self.path.rename(leaving)
            shutil.rmtree(leaving, ignore_errors=True)

    def _note(self, error: NestdError) -> None:
        message = error.message
        while True:
            line = json.dumps({"kind": error.kind, "message": message}).encode()
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


def unreadable(path: Path, error: OSError) -> Unavailable:
    """Return the error for a file or directory of jobs that can't be read now."""
    return Unavailable(f"jobs can't be read now: {error.strerror}: {path}", retry_after_s=1)
