"""Reasons for which kernels have ended, and the errors for the commands that they took along."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from protocol.errors import KernelLost, NestdError, ProtocolError, error_from_facts
from protocol.process.polling import poll_until
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.private_files import open_regular

log = logging.getLogger(__name__)

#: How long to wait for the supervisor's note on how a kernel ended.
EXIT_NOTE_DEADLINE_S = 4.0
#: A crash report of more bytes is none.
_REPORT_BYTES = 1 << 20


class ExitReasons:
    """Why kernels have ended. Safe for any number of threads.

    Parameters
    ----------
    directory : where a rank leaves its crash report
    exit_file : where a supervisor notes how the last kernel ended
    """

    def __init__(self, directory: Path, exit_file: Path) -> None:
        self._directory = directory
        self._exit_file = exit_file
        #: Until when to wait for the note on a kernel's end, by generation.
        self._note_due_s: dict[str, float] = {}

    def lost(self, info: ConnectionInfo, label: str, call: str | None) -> NestdError:
        """Return the error for a command that the kernel of ``info`` took with it.

        Parameters
        ----------
        info : of a kernel that has ended
        label : of the command, for a person
        call : the PyNEST call, if the command was one
        """
        crash_report = self._crash_report(info)
        if crash_report is not None:
            return crash_report
        how = self._how_it_ended(info)
        log.error(
            "kernel %s was lost during %s: %s", info.generation, label, how or "cause unknown"
        )
        # Without a supervisor there is no note, and no other kernel starts.
        message = f"the connection to the kernel was lost during {label}, and its network with it"
        if how is not None:
            message = f"the kernel ended with {how} during {label}; its network is lost and a new "
            message += "kernel starts"
        return KernelLost(message, call=call, retry_after_s=2)

    def _crash_report(self, info: ConnectionInfo) -> NestdError | None:
        """Return the error that a rank of the kernel of ``info`` wrote before it ended the job."""
        try:
            with open_regular(RuntimeDirectory(self._directory).crash_report) as file:
                report = json.loads(file.read(_REPORT_BYTES))
            if report["generation"] == info.generation:
                return error_from_facts(report["error"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError, ProtocolError):
            # Code in the kernel may have written anything.
            return None
        return None

    def _how_it_ended(self, info: ConnectionInfo) -> str | None:
        """Return how the kernel of ``info`` ended, from its supervisor's note, if there is one."""

        def read_note() -> str | None:
            try:
                note = json.loads(self._exit_file.read_bytes())
                if note["pid"] == info.pid and note["start_ticks"] == info.start_ticks:
                    return str(note["how"])
            except (OSError, ValueError, KeyError):
                # The note is not written yet, about another kernel, or not ours to read.
                return None
            return None

        # All commands that a kernel took along wait for the same note.
        due_s = self._note_due_s.setdefault(
            info.generation, time.monotonic() + EXIT_NOTE_DEADLINE_S
        )
        return poll_until(read_note, max(0.0, due_s - time.monotonic()))
