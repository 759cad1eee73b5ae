"""Spool of all jobs: a directory beside the connection file, with a directory for each job.

The directory of a new job is made under another name and then renamed, so it appears whole. A
removed one is renamed first, too: half a job would look like one that has not ended.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from protocol.errors import MalformedRequest, Unavailable
from protocol.runtime.message_file import new_file, write_message
from protocol.runtime.stored_job import NOTE_BYTES, Facts, StoredJob, unreadable
from protocol.wire import frames
from protocol.wire.messages import Task

#: What names of jobs look like: they are names of directories, and none leads out of the spool.
NAME = re.compile(r"[0-9a-z]{8,64}")
#: Name of the file of the secret that names of jobs are made with; it is no name of a job.
_KEY_FILE = "names.key"
#: Age from which a directory under another name was left by a process that was killed.
_LEFT_S = 3600.0


def new_name() -> str:
    """Return the name of a new job, which nobody can guess."""
    return secrets.token_hex(8)


class Spool:
    """Spool: all jobs of a server, on disk.

    Parameters
    ----------
    directory : made when the first job comes
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._text = f"{directory}{os.sep}"
        #: Jobs that were read, by name and inode of their directory: what has ended is not read
        #: again for each request.
        self._known: dict[tuple[str, int], StoredJob] = {}

    @property
    def directory(self) -> Path:
        """Return the directory of the jobs."""
        return self._directory

    def add(self, facts: Facts, request: Task) -> tuple[StoredJob, bool]:
        """Add a job; return the job of that name, and whether it is new.

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
            encoded = frames.encode(request)
            facts = replace(facts, digest=frames.digest(request, encoded))
            (made / "facts.json").write_text(json.dumps(asdict(facts)))
            (made / "note").write_bytes(b" " * NOTE_BYTES)
            write_message(made / "request", encoded)
            for path in made.iterdir():
                path.chmod(0o600)
            inode = made.stat().st_ino
            try:
                made.rename(self._directory / facts.id)
            except OSError:
                known = self.find(facts.id)
                if known is None:
                    raise
                asked = (facts.digest, facts.accepts)
                if (known.facts.digest, known.facts.accepts) != asked:
                    raise MalformedRequest(
                        "this Idempotency-Key was used for another request; use a new one"
                    ) from None
                return known, False
        finally:
            shutil.rmtree(made, ignore_errors=True)
        # One of that name that was removed: its inode may be this one's now.
        self._known.pop((facts.id, inode), None)
        # It is accepted from here on: nothing more is read, which might fail.
        return StoredJob(self._directory / facts.id, facts), True

    def find(self, id: str) -> StoredJob | None:
        """Return the job of that name; ``None`` if there is none.

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
            return self._read(id, os.stat(f"{self._text}{id}").st_ino)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None
        except OSError as error:
            # Not None: a caller would take an accepted job for lost.
            raise unreadable(self._directory / id, error) from error

    def _read(self, id: str, inode: int) -> StoredJob:
        return self._known.get((id, inode)) or StoredJob(self._directory / id)

    def name_of(self, key: str) -> str:
        """Return the name of the job with a caller's idempotency key.

        Without the secret in the spool nobody can tell the name from the key: nobody who chooses
        what a job prints knows where that is kept.

        Raises
        ------
        Unavailable
            If the secret can't be read or kept.
        """
        path = self._directory / _KEY_FILE
        try:
            try:
                secret = path.read_bytes()
            except FileNotFoundError:
                self._directory.mkdir(mode=0o700, exist_ok=True)
                # Another gateway may be making one at the same time.
                with contextlib.suppress(FileExistsError), new_file(path) as file:
                    file.write(secrets.token_bytes(32))
                secret = path.read_bytes()
        except OSError as error:
            raise Unavailable(
                f"the job can't be kept: {error.strerror}: {self._directory}"
            ) from error
        return hmac.new(secret, key.encode(), "sha256").hexdigest()[:32]

    def jobs(self) -> list[StoredJob]:
        """Return all jobs, in the order of their acceptance.

        Raises
        ------
        Unavailable
            If they can't be read now.
        """
        known = {}
        try:
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    key = (entry.name, entry.inode())
                    job = self._known.get(key) or self.find(entry.name)
                    if job is not None:
                        known[key] = job
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable(self._directory, error) from error
        self._known = known
        jobs = known.values()
        return sorted(jobs, key=lambda job: (job.facts.created_s, job.id))

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
            key=lambda entry: entry[0],
            reverse=True,
        )
        for number, (at_s, job) in enumerate(newest_first):
            kept_bytes += job.bytes
            # The newest result stays, however large it is: its caller is about to fetch it.
            if (number and (number >= count or kept_bytes > size_bytes)) or now_s - at_s > age_s:
                job.remove()
        with contextlib.suppress(OSError):
            with os.scandir(self._directory) as entries:
                hidden = [entry for entry in entries if entry.name.startswith(".")]
            for entry in hidden:
                if now_s - entry.stat().st_mtime > _LEFT_S:
                    shutil.rmtree(entry.path, ignore_errors=True)
