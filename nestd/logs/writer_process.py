"""Process that writes the log of a server, or of one rank, from pipes that programs print to.

Why a process, and not journald, logrotate, or a new file at each start: NEST and MPI print to
stdout and stderr themselves, without a time, level or rank, and may print the access token. That
has to become lines without the token, also while a rank computes for an hour and no Python of it
runs. For that hour the rank can't open another file either, so a limit of size needs a second
process. ``nest-server start`` has no service manager on a laptop, a cluster's node or in a
container, so there is no journald; logrotate's ``copytruncate`` loses lines, and a kernel that runs
for months is not started again. What a program prints as it dies arrives, too.

The process ends when the last program has closed its end of the pipes
(docs/decisions/0018-the-log-has-a-process.md).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from nestd.logs.log_file import LogFile, check_log
from nestd.logs.output_parser import OutputParser, PrintedEvent
from protocol.errors import ConfigurationError
from protocol.logging.lines import LogSettings, is_line, line, moment, redact
from protocol.process.identity import hide_memory, python_command

_READ_BYTES = 1 << 16
#: A line that is longer is cut there.
_LONGEST_BYTES = 1 << 18
#: After so long a message of several lines is complete.
_SETTLE_S = 0.2
#: How long the process may take to write the rest when all programs have ended.
_END_S = 5.0


class LogProcess:
    """Process that writes the log, and the ends of its pipes.

    Parameters
    ----------
    path : of the log
    settings : of logging
    programs : names of those that write to the log, with their rank where they are a rank
    secret_file : file whose content must not be in the log
    is_shut_in : whether this process must not know that secret, as it runs NEST; the process that
        writes the log reads the file then, and is not started again

    Raises
    ------
    ConfigurationError
        If the log can't be written, or the secret can't be read.
    """

    def __init__(
        self,
        path: Path,
        settings: LogSettings,
        programs: Mapping[str, int | None],
        secret_file: Path | None = None,
        is_shut_in: bool = False,
    ) -> None:
        check_log(path)
        #: Length of the log before this process wrote to it.
        self.start = path.stat().st_size
        # Read once, as the file may be gone when the process has to be started again.
        self._secret, to_read = b"", ""
        if secret_file is not None and is_shut_in:
            to_read = str(_readable(secret_file))
        elif secret_file is not None:
            self._secret = _readable(secret_file).read_bytes().strip()
        pipes = {program: os.pipe() for program in programs}
        self._reading = {program: reading for program, (reading, _) in pipes.items()}
        #: Where each program writes to.
        self.writing: dict[str, IO[bytes]] = {
            program: os.fdopen(writing, "wb", buffering=0)
            for program, (_, writing) in pipes.items()
        }
        self._command = python_command(
            "nestd.logs.writer_process",
            str(path),
            str(settings.size_bytes),
            str(settings.kept),
            settings.format,
            to_read,
            *(
                f"{program}={'' if rank is None else rank}={self._reading[program]}"
                for program, rank in programs.items()
            ),
        )
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=tuple(self._reading.values()),
            # Signals for the programs are not for this process, which ends after them.
            start_new_session=True,
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(self._secret)
        return process

    def restart_if_ended(self) -> None:
        """Start the process again if it has ended; what is in the pipes is not lost."""
        if self._process.poll() is not None:
            self._process = self._start()

    def leave(self) -> None:
        """Let the process end by itself, when all programs have."""
        self._close()
        self._process.returncode = 0

    def close(self) -> None:
        """Close the pipes, and wait until all is written, unless a program still has one open."""
        self._close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.returncode = 0

    def _close(self) -> None:
        for file in self.writing.values():
            file.close()
        for reading in self._reading.values():
            os.close(reading)
        self._reading = {}


def _readable(file: Path) -> Path:
    if not os.access(file, os.R_OK):
        raise ConfigurationError(
            f"can't read {file}, whose content must not be in the log: look at its owner and mode"
        )
    return file


@dataclass
class LogSource:
    """Pipe of one program."""

    program: str
    rank: int | None = None
    rest: bytes = b""
    parser: OutputParser = field(default_factory=OutputParser)


class LogWriter:
    """Writer that makes lines of what arrives.

    Parameters
    ----------
    file : of the log
    form : ``text`` or ``json``
    secret : what must not be in any line
    """

    def __init__(self, file: LogFile, form: str, secret: str | None) -> None:
        self._file = file
        self._form = form
        self._secret = secret
        #: Lines for which there was no room since the last one that was written.
        self._lost = 0

    def on_data(self, source: LogSource, data: bytes) -> None:
        """Write the lines that ``data`` of a source completes; empty ``data`` is its end."""
        *lines, source.rest = (source.rest + data).split(b"\n")
        if len(source.rest) > _LONGEST_BYTES or (not data and source.rest):
            lines.append(source.rest)
            source.rest = b""
        made: list[str] = []
        for raw in lines:
            text = raw.decode("utf-8", "replace").rstrip("\r")
            if is_line(text):
                made += self._lines(source, source.parser.flush())
                made.append(text)
            else:
                made += self._lines(source, source.parser.add(text))
        if not data:
            made += self._lines(source, source.parser.flush())
        self._write(made)

    def on_silence(self, source: LogSource) -> None:
        """Write the message of a source that has begun, as nothing has followed for a while."""
        self._write(self._lines(source, source.parser.flush()))

    def _lines(self, source: LogSource, printed: list[PrintedEvent]) -> list[str]:
        return [
            line(
                {
                    "time": moment(time.time()),
                    "level": event.level,
                    "program": source.program,
                    "rank": source.rank,
                    "printed": "nest" if event.is_nest else "text",
                    "where": event.where,
                    "msg": event.message,
                    "trace": event.trace,
                },
                self._form,
            )
            for event in printed
        ]

    def _write(self, lines: list[str]) -> None:
        if not lines:
            return
        if self._lost:
            notice = {
                "time": moment(time.time()),
                "level": "warning",
                "program": "log",
                "msg": f"{self._lost} lines are missing here, as they could not be written",
            }
            lines = [line(notice, self._form), *lines]
        text = redact("\n".join([*lines, ""]), self._secret)
        try:
            self._file.write(text.encode("utf-8", "replace"))
        except OSError:
            # No program is to wait for room on a disk.
            self._lost += len(lines) - bool(self._lost)
        else:
            self._lost = 0


def write(writer: LogWriter, sources: dict[int, LogSource]) -> None:
    """Write what arrives until all pipes are closed."""
    with selectors.DefaultSelector() as selector:
        for descriptor in sources:
            selector.register(descriptor, selectors.EVENT_READ)
        unsettled: set[int] = set()
        while sources:
            ready = [key.fd for key, _ in selector.select(_SETTLE_S if unsettled else None)]
            if not ready:
                for descriptor in unsettled:
                    writer.on_silence(sources[descriptor])
                unsettled.clear()
            for descriptor in ready:
                data = os.read(descriptor, _READ_BYTES)
                writer.on_data(sources[descriptor], data)
                unsettled.add(descriptor)
                if not data:
                    selector.unregister(descriptor)
                    del sources[descriptor]
                    unsettled.discard(descriptor)


def main() -> None:
    """Write the log; the arguments are those that :class:`LogProcess` gives."""
    hide_memory()
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    path, size_bytes, kept, form, secret_file, *programs = sys.argv[1:]
    # Not an argument, which others would see.
    secret = sys.stdin.buffer.read().decode("utf-8", "replace")
    if secret_file:
        # Without the file nothing is written: its content might be in it.
        secret = Path(secret_file).read_text("utf-8", "replace").strip()
    file = LogFile(Path(path), int(size_bytes), int(kept))
    sources = {}
    for argument in programs:
        program, rank, descriptor = argument.split("=")
        sources[int(descriptor)] = LogSource(program, int(rank) if rank else None)
    write(LogWriter(file, form, secret or None), sources)
    file.close()


if __name__ == "__main__":
    main()
