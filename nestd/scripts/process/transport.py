"""Transport of a script's PyNEST calls over the socket to nestd."""

from __future__ import annotations

import mmap
import shutil
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nest_remote.session import to_value, unsendable
from nest_remote.warned import NESTWarning, tell
from nestd.scripts.failures import SCRIPT
from protocol.errors import KernelLost, ProtocolError
from protocol.wire import frames
from protocol.wire.messages import (
    Action,
    Command,
    Failure,
    Operation,
    Result,
    required_result,
)
from protocol.wire.streams import WaitingStream
from protocol.wire.values import Buffer, Reference, Value

#: File descriptors of a script's process beside the usual three: the socket to nestd, and the pipe
#: over which the process reports its line when it is to be ended.
CONNECTION, LOCATION = 3, 4

#: Line marker, which outlives the process: a little-endian number of 4 bytes, the script's line.
#: The number is 0 before there is a script, and -1 until the script has come to a marked line.
LINE = struct.Struct("<i")
BEGUN = -1
_DATA_PATH = Operation(Action.GET, "data_path")


class ScriptTransport:
    """Carries operations to nestd, one at a time, once it is attached to a stream."""

    def __init__(self) -> None:
        self._stream: WaitingStream | None = None
        self._line_marker: mmap.mmap | None = None
        self._lock = threading.Lock()
        self._is_worker = False

    def attach(self, stream: WaitingStream, line_marker: mmap.mmap) -> None:
        """Use a stream.

        Parameters
        ----------
        stream : connected to nestd
        line_marker : shared memory for the line that the script executes
        """
        self._stream, self._line_marker = stream, line_marker

    def begin_worker(self, line_marker: mmap.mmap) -> None:
        """Go on in a process that the script has forked, over a connection of its own.

        Parameters
        ----------
        line_marker : memory of the process, for lines that nobody asks for
        """
        self._line_marker = line_marker
        # Another thread may have held the lock in the process that forked.
        self._lock = threading.Lock()
        self._is_worker = True

    def detach(self) -> None:
        """Send no more: the script is being ended."""
        self._stream = None

    def execute(
        self,
        operation: Operation,
        convert: Callable[[Any], Value],
        reference: Callable[[Reference], Any],
    ) -> Any:
        """Have nestd execute ``operation``, and return its value."""
        if self._stream is None or self._line_marker is None:
            raise KernelLost("no script runs in this process, or it is being ended")
        if self._is_worker and operation.action is Action.RELEASE:
            # What a worker drops is its copy of the script's object, which the script still has.
            return None
        mark_line(self._line_marker)
        try:
            encoded = frames.encode(Command("", operation, references=True), convert)
        except ProtocolError as error:
            raise unsendable(operation.call, error) from error
        received = self.exchange(encoded)
        if received is None:
            raise KernelLost("the kernel is gone")
        answer = frames.decode(received, reference, writable=True)
        if isinstance(answer, (Result, Failure)):
            # Whoever posted the script has PyNEST's too; its deprecations are no output.
            tell([item for item in answer.warnings if item.category == NESTWarning.__name__])
        return required_result(answer).value

    def exchange(self, frames: list[Buffer]) -> list[Buffer] | None:
        """Send a message, and return what comes back; ``None`` if the other end is closed."""
        with self._lock:
            if self._stream is None:
                return None
            self._stream.send(frames)
            return self._stream.receive()

    def answer(self, frames: list[Buffer]) -> None:
        """Send the script's answer, which is the last message."""
        with self._lock:
            assert self._stream is not None
            self._stream.send(frames)
            self._stream = None

    def files(self) -> list[dict[str, Any]]:
        """Return what nestd says of the files that NEST has written."""
        found: list[dict[str, Any]] = self.execute(
            Operation(Action.LIST_FILES), to_value, lambda reference: reference
        )
        return found

    def save_file(self, name: str, path: Path) -> None:
        """Copy a file that NEST has written, to where a script without restrictions wants it."""
        data = self.execute(_DATA_PATH, to_value, lambda reference: reference)
        shutil.copyfile(Path(data) / name, path)

    def hold(self, tidy: Callable[[], None]) -> None:
        """Do nothing: what a script holds goes with it."""

    def close(self) -> None:
        """Do nothing: the socket is closed with the process."""


def mark_line(line_marker: mmap.mmap) -> None:
    """Mark the line of the script that is being executed."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename != SCRIPT:
        frame = frame.f_back  # type: ignore[assignment]
    if frame is not None:
        LINE.pack_into(line_marker, 0, frame.f_lineno or 0)
