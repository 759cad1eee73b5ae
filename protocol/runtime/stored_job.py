"""The spool: what jobs are to do, what they print, what came of them, on disk.

A directory for each job, private to its user, beside the connection file. A gateway makes it, nestd
works on it, any gateway reads it; so a job needs neither the caller nor the gateway it came from,
and what came of it outlives the kernel. In the directory are

====================  =====================================================================
``facts.json``        what it is, when and by whom it was asked for; never changed
``request``           the message to be executed
``claim``             who took it: nestd to execute it, or whoever ends it before that; the
                      first has it
``output``            what a script has printed so far
``result``            the message that answers it; there when it has ended, and never replaced
``note``              room for one line, kept from the start, for when the disk is full
====================  =====================================================================

A directory appears and a file is written under another name first, and renamed; what is there is
whole. It goes under another name, too: half a job would look like one that has not ended.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import secrets
import shutil
import struct
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from protocol.errors import (
    InternalError,
    MalformedRequest,
    NestdError,
    ProtocolError,
    Unavailable,
    error_from_facts,
)
from protocol.wire import frames
from protocol.wire.messages import Failure, Message, Result, Task
from protocol.wire.values import Buffer

#: What names look like: as the names of directories, and nothing that leads out of one.
NAME = re.compile(r"[0-9a-z]{8,64}")
_COUNT = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
#: Room for one line about a job when there is no room on the disk any more.
_NOTE_BYTES = 1024
#: Directories under another name that are so old have been left by somebody who was killed.
_LEFT_S = 3600.0


def new_name() -> str:
    """The name of a new job, which nobody guesses."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Facts:
    """What is known of a job from the start."""

    id: str
    #: The PyNEST call, ``"batch"`` or ``"script"``.
    label: str
    #: When it was accepted, seconds since 1970.
    created_s: float
    #: Of the kernel it was accepted for; another has another network.
    generation: str
    #: What the caller wants the answer as.
    accepts: str
    #: Of the request, to tell it from another under the same key.
    digest: str = ""


@dataclass(frozen=True)
class Claim:
    """Who took a job, and when."""

    by: str
    at_s: float


#: In :class:`Claim`: it was cancelled before it began, or its kernel ended before. Everything else
#: is the generation of the kernel that executes it.
CANCELLED, LOST = "cancelled", "lost"


class StoredJob:
    """One job's directory.

    Parameters
    ----------
    path : of the directory
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts = Facts(**json.loads((path / "facts.json").read_bytes()))

    @property
    def id(self) -> str:
        return self.facts.id

    def request(self) -> Task:
        """What is to be executed.

        Raises
        ------
        InternalError
            If it can't be read.
        """
        message = None
        with contextlib.suppress(OSError):
            message = _read(self.path / "request")
        if not isinstance(message, Task):
            raise InternalError(f"the request of job {self.id} can't be read")
        return message

    def take(self, by: str) -> bool:
        """Take the job, if nobody has; whether it is taken by this call.

        Parameters
        ----------
        by : generation of the kernel that is about to execute it, ``CANCELLED`` or ``LOST``

        Raises
        ------
        OSError
            If there is no room to say so, or no such job any more.
        """
        # Whole before it is there: who finds it can read it.
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
        """Who took it; ``None`` if nobody has."""
        try:
            return Claim(**json.loads((self.path / "claim").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def exists(self) -> bool:
        """Whether it has not been removed."""
        return self.path.exists()

    @property
    def ended_s(self) -> float | None:
        """When it ended, seconds since 1970; ``None`` if it has not."""
        for name in ("result", "note"):
            with contextlib.suppress(OSError):
                found = (self.path / name).stat()
                if name == "result" or self._noted():
                    return found.st_mtime
        claim = self.claim
        return claim.at_s if claim is not None and claim.by == CANCELLED else None

    def print(self, output: bytes) -> None:
        """Add what a script has printed. What finds no room is not kept."""
        with contextlib.suppress(OSError), (self.path / "output").open("ab") as file:
            file.write(output)

    def output(self) -> bytes:
        """What a script has printed so far."""
        try:
            return (self.path / "output").read_bytes()
        except FileNotFoundError:
            return b""

    def end(self, answer: Message) -> NestdError | None:
        """Keep what came of it, unless that is known already; why that can't be done, if it can't.

        Parameters
        ----------
        answer : a Result or a Failure
        """
        if (self.path / "result").exists() or self._noted() is not None:
            return None
        try:
            _write(self.path / "result", frames.encode(answer))
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
                _write(self.path / "result", frames.encode(Failure(self.id, "", lost)))
            except OSError:
                self._note(lost)
            return lost
        return None

    def answer(self) -> Result | Failure | None:
        """What came of it; ``None`` if it has not ended.

        Raises
        ------
        Unavailable
            If that can't be read now, but perhaps later.
        """
        if (self.path / "result").exists():
            try:
                message = _read(self.path / "result")
            except FileNotFoundError:
                message = None
            except OSError as error:
                raise _unreadable(self.path, error) from error
            if isinstance(message, (Result, Failure)):
                return message
            return Failure(self.id, "", InternalError("its result can't be read"))
        noted = self._noted()
        return Failure(self.id, "", noted) if noted else None

    @property
    def bytes(self) -> int:
        """Room that it takes on disk."""
        total = 0
        # Somebody else may be removing it.
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                with contextlib.suppress(OSError):
                    total += path.stat().st_size
        return total

    def remove(self) -> None:
        """Remove it from the disk."""
        leaving = self.path.parent / f".{self.id}-{secrets.token_hex(4)}"
        with contextlib.suppress(OSError):
            self.path.rename(leaving)
            shutil.rmtree(leaving, ignore_errors=True)

    def _note(self, error: NestdError) -> None:
        message = error.message
        while True:
            said = json.dumps({"kind": error.kind, "message": message}).encode()
            if len(said) <= _NOTE_BYTES:
                break
            message = message[: len(message) // 2]
        # In place, where there is room; in one write, so that nobody sees half of it.
        with contextlib.suppress(OSError), (self.path / "note").open("r+b", buffering=0) as file:
            file.write(said.ljust(_NOTE_BYTES))

    def _noted(self) -> NestdError | None:
        with contextlib.suppress(OSError, ValueError, ProtocolError):
            said = (self.path / "note").read_bytes().strip()
            return error_from_facts(json.loads(said)) if said else None
        return None


class Spool:
    """All jobs of a server.

    Parameters
    ----------
    directory : made when the first job comes
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._text = f"{directory}{os.sep}"

    @property
    def directory(self) -> Path:
        """Where they lie."""
        return self._directory

    def add(self, facts: Facts, request: Task) -> tuple[StoredJob, bool]:
        """The job of that name, and whether it is new.

        Raises
        ------
        MalformedRequest
            If there is one of that name that was to do something else.
        OSError
            If there is no room for it.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=self._directory, prefix="."))
        try:
            (made / "facts.json").write_text(json.dumps(asdict(facts)))
            (made / "note").write_bytes(b" " * _NOTE_BYTES)
            _write(made / "request", frames.encode(request))
            for path in made.iterdir():
                path.chmod(0o600)
            try:
                made.rename(self._directory / facts.id)
            except OSError:
                found = self.find(facts.id)
                if found is None:
                    raise
                if found.facts.digest != facts.digest:
                    raise MalformedRequest(
                        "this Idempotency-Key was used for another request; use a new one"
                    ) from None
                return found, False
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return StoredJob(self._directory / facts.id), True

    def find(self, id: str) -> StoredJob | None:
        """The job of that name, if there is one.

        Raises
        ------
        Unavailable
            If that can't be known now, as when no more files can be opened.
        """
        if not NAME.fullmatch(id):
            return None
        try:
            # Each call of our clients has a name, of which there is no job but in rare cases. As
            # text, since pathlib interns what it gets, which takes memory for each new name.
            os.stat(f"{self._text}{id}")  # noqa: PTH116
            return StoredJob(self._directory / id)
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None
        except OSError as error:
            # Not that there is none: who hears so takes an accepted job for lost.
            raise _unreadable(self._directory / id, error) from error

    def jobs(self) -> list[StoredJob]:
        """All jobs, in the order of their acceptance.

        Raises
        ------
        Unavailable
            If they can't be read now.
        """
        try:
            names = [path.name for path in self._directory.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self._directory, error) from error
        found = [job for job in map(self.find, names) if job is not None]
        return sorted(found, key=lambda job: (job.facts.created_s, job.id))

    def tidy(self, count: int, size_bytes: int, age_s: float) -> None:
        """Remove ended jobs, the oldest first, that are over a limit.

        Parameters
        ----------
        count : ended jobs that may be kept
        size_bytes : room that they may take
        age_s : time since its end after which one is removed
        """
        ended = [(job.ended_s, job) for job in self.jobs()]
        kept_bytes, now_s = 0, time.time()
        newest_first = sorted(
            ((at_s, job) for at_s, job in ended if at_s is not None),
            key=lambda one: one[0],
            reverse=True,
        )
        for number, (at_s, job) in enumerate(newest_first):
            kept_bytes += job.bytes
            # The newest result stays, however large it is: somebody is about to fetch it.
            if (number and (number >= count or kept_bytes > size_bytes)) or now_s - at_s > age_s:
                job.remove()
        with contextlib.suppress(OSError):
            for path in self._directory.glob(".*"):
                if now_s - path.stat().st_mtime > _LEFT_S:
                    shutil.rmtree(path, ignore_errors=True)


def _unreadable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(f"jobs can't be read now: {error.strerror}: {path}", retry_after_s=1)


def _write(path: Path, parts: Sequence[Buffer]) -> None:
    """Write a message into a file that is not there yet."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_COUNT.pack(len(parts)))
            for part in parts:
                file.write(_LENGTH.pack(memoryview(part).nbytes))
            for part in parts:
                file.write(part)
        # A rename would replace what another has written.
        os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _read(path: Path) -> Message | None:
    """The message in a file, its arrays in the file's own memory; ``None`` if it is damaged.

    Raises
    ------
    OSError
        If it can't be read.
    """
    try:
        with path.open("rb") as file:
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        (count,) = _COUNT.unpack_from(whole)
        lengths = [_LENGTH.unpack_from(whole, 4 + 8 * n)[0] for n in range(count)]
        at = 4 + 8 * count
        parts: list[Buffer] = []
        for length in lengths:
            parts.append(whole[at : at + length])
            at += length
        return frames.decode(parts)
    except (ValueError, struct.error, ProtocolError):
        return None
