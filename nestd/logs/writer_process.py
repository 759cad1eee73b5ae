"""The process that writes the log of a server, or of one rank.

Programs write to pipes of it: their own lines, which it takes as they are, and what NEST, Python
and MPI print, of which it makes lines. It does nothing else, so it can put a full file aside at any
moment, which a process that is inside NEST can't; and what a program prints as it dies, arrives. It
ends when nobody has an end of its pipes any more.
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
from nestd.logs.output_parser import OutputParser, Printed
from protocol.errors import ConfigurationError
from protocol.logging.lines import LogSettings, is_line, line, moment, redact
from protocol.process.identity import python_command

_READ_BYTES = 1 << 16
#: A line that is longer is cut there.
_LONGEST_BYTES = 1 << 18
#: After so long a message of several lines is whole.
_PATIENCE_S = 0.2
#: How long the process may take to write the rest when everybody has ended.
_END_S = 5.0


class LogProcess:
    """The process, and the ends of its pipes.

    Parameters
    ----------
    path : of the log
    settings : of logging
    programs : that write to it, with their ranks if they are some
    secret_file : whose content must not be in the log

    Raises
    ------
    ConfigurationError
        If the log can't be written, or the secret not be read.
    """

    def __init__(
        self,
        path: Path,
        settings: LogSettings,
        programs: Mapping[str, int | None],
        secret_file: Path | None = None,
    ) -> None:
        check_log(path)
        #: Length of the log before this process wrote to it.
        self.start = path.stat().st_size
        # Read once, as the file may be gone when the process has to be started again.
        self._secret = b"" if secret_file is None else _read_secret(secret_file)
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
            # Signals for those who log are not for it: it ends after them.
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
        """Let it end by itself, when the others have."""
        self._close()
        self._process.returncode = 0

    def close(self) -> None:
        """Close the pipes, and wait until all is written, if nobody else has them any more."""
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


def _read_secret(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(
            f"can't read {file}, whose content must not be in the log: {error.strerror}"
        ) from error


@dataclass
class _Source:
    """One pipe."""

    program: str
    rank: int | None = None
    rest: bytes = b""
    raw: OutputParser = field(default_factory=OutputParser)


class Writer:
    """Makes lines of what arrives, and writes them.

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

    def take(self, source: _Source, data: bytes) -> None:
        """Bytes of a source; none at its end."""
        whole = source.rest + data
        *lines, source.rest = whole.split(b"\n")
        if len(source.rest) > _LONGEST_BYTES or (not data and source.rest):
            lines.append(source.rest)
            source.rest = b""
        made: list[str] = []
        for one in lines:
            text = one.decode("utf-8", "replace").rstrip("\r")
            if is_line(text):
                made += self._of(source, source.raw.flush())
                made.append(text)
            else:
                made += self._of(source, source.raw.add(text))
        if not data:
            made += self._of(source, source.raw.flush())
        self._write(made)

    def settle(self, source: _Source) -> None:
        """Nothing has come for a while."""
        self._write(self._of(source, source.raw.flush()))

    def _of(self, source: _Source, printed: list[Printed]) -> list[str]:
        return [
            line(
                {
                    "time": moment(time.time()),
                    "level": one.level,
                    "program": source.program,
                    "rank": source.rank,
                    "printed": "nest" if one.is_nest else "text",
                    "where": one.where,
                    "msg": one.message,
                    "trace": one.trace,
                },
                self._form,
            )
            for one in printed
        ]

    def _write(self, lines: list[str]) -> None:
        if not lines:
            return
        if self._lost:
            said = {
                "time": moment(time.time()),
                "level": "warning",
                "program": "log",
                "msg": f"{self._lost} lines are missing here, as they could not be written",
            }
            lines = [line(said, self._form), *lines]
        text = redact("\n".join([*lines, ""]), self._secret)
        try:
            self._file.write(text.encode("utf-8", "replace"))
        except OSError:
            # Nobody is to wait for room on a disk.
            self._lost += len(lines) - bool(self._lost)
        else:
            self._lost = 0


def write(writer: Writer, sources: dict[int, _Source]) -> None:
    """Write what arrives until all pipes are closed."""
    with selectors.DefaultSelector() as selector:
        for descriptor in sources:
            selector.register(descriptor, selectors.EVENT_READ)
        unsettled: set[int] = set()
        while sources:
            ready = [key.fd for key, _ in selector.select(_PATIENCE_S if unsettled else None)]
            if not ready:
                for descriptor in unsettled:
                    writer.settle(sources[descriptor])
                unsettled.clear()
            for descriptor in ready:
                data = os.read(descriptor, _READ_BYTES)
                writer.take(sources[descriptor], data)
                unsettled.add(descriptor)
                if not data:
                    selector.unregister(descriptor)
                    del sources[descriptor]
                    unsettled.discard(descriptor)


def main() -> None:
    """Write the log; the arguments are those that :class:`LogProcess` gives."""
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    path, size_bytes, kept, form, *programs = sys.argv[1:]
    # Not an argument, which others would see.
    secret = sys.stdin.buffer.read().decode("utf-8", "replace")
    file = LogFile(Path(path), int(size_bytes), int(kept))
    sources = {}
    for one in programs:
        program, rank, descriptor = one.split("=")
        sources[int(descriptor)] = _Source(program, int(rank) if rank else None)
    write(Writer(file, form, secret or None), sources)
    file.close()


if __name__ == "__main__":
    main()
