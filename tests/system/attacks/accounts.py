"""Accounts of the machine that live as long as a test: a number and a home, and no entry anywhere.

Python and this code may lie below a directory that only root may enter, such as ``/root``. Accounts
then see them in a mount namespace of their own, in which that directory holds nothing else.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S

ROOT = Path(__file__).parents[3]

#: Covers a closed directory with an open one that has only what is named; then runs the rest.
_OPENED = """
set -e
closed=$1; shift
mount -t tmpfs -o mode=755 none /mnt
while [ "$1" != -- ]; do
  mkdir -p "/mnt/${1#"$closed"}"
  mount --bind "$1" "/mnt/${1#"$closed"}"
  shift
done
shift
mount --move /mnt "$closed"
exec "$@"
"""


def _is_open(directory: Path) -> bool:
    return bool(directory.stat().st_mode & 0o001)


def _entry() -> list[str]:
    """Return what comes before a command so that it finds Python and this code."""
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT.resolve()}
    closed: dict[Path, list[str]] = {}
    for path in needed:
        for parent in reversed(path.parents):
            if not _is_open(parent):
                closed.setdefault(parent, []).append(str(path))
                break
    entry: list[str] = []
    for parent, paths in closed.items():
        entry += ["unshare", "--mount", "--propagation", "private", "sh", "-c", _OPENED, "sh"]
        entry += [str(parent), *paths, "--"]
    return entry


@dataclass(frozen=True)
class Account:
    """Account of the machine."""

    uid: int
    home: Path

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Account]:
        """Make an account; at its end nothing of it is left."""
        home = Path(tempfile.mkdtemp(prefix="nestd-a-"))
        # Of no account that exists, and of no other test at the moment.
        account = cls(random.randrange(700_000, 900_000), home)
        try:
            account.own(home)
            yield account
        finally:
            account.end_processes()
            for place in ("/tmp", "/var/tmp", "/dev/shm"):
                for path in Path(place).iterdir():
                    if account.owns(path):
                        remove(path)
            remove(home)

    def own(self, path: Path, mode: int | None = None) -> Path:
        """Give ``path`` to the account, and return it."""
        os.chown(path, self.uid, self.uid)
        if mode is not None:
            path.chmod(mode)
        return path

    def owns(self, path: Path) -> bool:
        """Return whether ``path`` is there and belongs to the account."""
        try:
            return path.lstat().st_uid == self.uid
        except OSError:
            return False

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file below the home, and return its path."""
        path = self.home / name
        for parent in reversed(path.relative_to(self.home).parents):
            directory = self.home / parent
            if not directory.exists():
                directory.mkdir()
                self.own(directory, 0o700)
        path.write_text(text)
        return self.own(path, mode)

    def command(self, *command: str) -> list[str]:
        """Return the command that runs ``command`` as this account, in this order of rights."""
        drop = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        return [*_entry(), *drop, "--inh-caps=-all", *command]

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """Return the variables that a session of the account has."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        return kept | {"HOME": str(self.home), "USER": f"u{self.uid}"} | (extra or {})

    def run(
        self, *command: str, env: dict[str, str] | None = None, timeout_s: float = DEADLINE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as this account to its end."""
        return subprocess.run(
            self.command(*command),
            env=self.environment(env),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def python(self, source: str, *arguments: str) -> str:
        """Return what a program of this account prints."""
        done = self.run(sys.executable, "-c", source, *arguments, env={"PYTHONPATH": str(ROOT)})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def popen(self, source: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a program of this account."""
        return subprocess.Popen(
            self.command(sys.executable, "-c", source, *arguments),
            env=self.environment({"PYTHONPATH": str(ROOT)}),
            cwd=self.home,
            text=True,
            **options,
        )

    def processes(self) -> list[int]:
        """Return the processes of this account."""
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            # Not by its owner: what can't be looked into belongs to root there.
            with suppress(OSError):
                if f"\nUid:\t{self.uid}\t" in (directory / "status").read_text():
                    found.append(int(directory.name))
        return found

    def end_processes(self) -> None:
        """End what still runs of this account."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        poll_until(lambda: not self.processes(), 10.0)


def remove(path: Path) -> None:
    """Remove a file, a link or a directory."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
