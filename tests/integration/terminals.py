"""Programs of users, on a terminal or not, that tests look at and interrupt."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Server


@dataclass
class Program:
    """A Python program that runs.

    Attributes
    ----------
    process : its process
    printed : on its standard output
    drawn : on its standard error, where bars are drawn
    readers : that collect both
    """

    process: subprocess.Popen[bytes]
    printed: bytearray = field(default_factory=bytearray)
    drawn: bytearray = field(default_factory=bytearray)
    readers: list[threading.Thread] = field(default_factory=list)

    def await_text(self, text: str) -> None:
        """Return when it has printed or drawn ``text``."""

        def look() -> bool:
            return text.encode() in self.printed or text.encode() in self.drawn

        assert poll_until(lambda: look() or self.process.poll() is not None, DEADLINE_S), self.said
        assert poll_until(look, 2.0), self.said

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Its exit code, when it has ended."""
        code = self.process.wait(DEADLINE_S)
        for thread in self.readers:
            thread.join(DEADLINE_S)
        return code

    @property
    def said(self) -> tuple[str, str]:
        """What it has printed, and what it has drawn."""
        return self.printed.decode(), self.drawn.decode()


@contextmanager
def program(
    server: Server, source: str, terminal: bool = True, env: dict[str, str] | None = None
) -> Iterator[Program]:
    """Runs ``source``, in which ``PORT`` is the server's, and ends it.

    Parameters
    ----------
    server : that it uses
    source : of the program
    terminal : whether its standard error is a terminal
    env : variables besides the usual ones
    """
    reading, writing = pty.openpty() if terminal else os.pipe()
    if terminal:
        # Rows and columns.
        fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-u", "-c", source.replace("PORT", str(server.port))],
        env=server.runtime.environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=writing,
    )
    os.close(writing)
    assert process.stdout is not None
    found = Program(process)
    found.readers = [
        threading.Thread(target=_collect, args=(process.stdout.fileno(), found.printed)),
        threading.Thread(target=_collect, args=(reading, found.drawn)),
    ]
    for thread in found.readers:
        thread.start()
    try:
        yield found
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        for thread in found.readers:
            thread.join(DEADLINE_S)
        process.stdout.close()
        os.close(reading)


def _collect(handle: int, into: bytearray) -> None:
    while True:
        try:
            data = os.read(handle, 4096)
        except OSError:
            # What Linux says of a terminal that nobody has open any more.
            return
        if not data:
            return
        into += data
