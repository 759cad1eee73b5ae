"""What is said of a kernel that has ended, and of what it took with it."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from protocol.errors import KernelLost, NestdError, ProtocolError, error_from_facts
from protocol.process.polling import poll_until
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.paths import RuntimeDirectory

log = logging.getLogger(__name__)

#: How long to wait for the supervisor to say how a kernel ended.
EXIT_NOTE_DEADLINE_S = 4.0


class ExitReasons:
    """Why kernels have ended. Safe for any number of threads.

    Parameters
    ----------
    directory : where a rank leaves its last words
    exit_file : where a supervisor says how the last kernel ended
    """

    def __init__(self, directory: Path, exit_file: Path) -> None:
        self._directory = directory
        self._exit_file = exit_file
        #: Until when to wait for what is said of the end of a kernel, by generation.
        self._note_due_s: dict[str, float] = {}

    def lost(self, info: ConnectionInfo, label: str, call: str | None) -> NestdError:
        """The error for what the kernel of ``info`` took with it.

        Parameters
        ----------
        info : of a kernel that has ended
        what : it was at, for a person
        call : the PyNEST call, if it was one
        """
        last_words = self._last_words(info)
        if last_words is not None:
            return last_words
        how = self._how_it_ended(info)
        log.error(
            "kernel %s was lost during %s: %s", info.generation, label, how or "cause unknown"
        )
        # Without a supervisor nobody says how, and nobody starts another kernel.
        said = f"the connection to the kernel was lost during {label}, and its network with it"
        if how is not None:
            said = f"the kernel ended with {how} during {label}; its network is lost and a new "
            said += "kernel starts"
        return KernelLost(said, call=call, retry_after_s=2)

    def _last_words(self, info: ConnectionInfo) -> NestdError | None:
        """What a rank of the kernel of ``info`` wrote before it ended the job, if one did."""
        try:
            said = json.loads(RuntimeDirectory(self._directory).crash_report.read_bytes())
            if said["generation"] == info.generation:
                return error_from_facts(said["error"])
        except (OSError, ValueError, KeyError, ProtocolError):
            return None
        return None

    def _how_it_ended(self, info: ConnectionInfo) -> str | None:
        """The end of the kernel of ``info``, from its supervisor, who learns of it as we do;
        ``None`` if no supervisor says anything."""

        def look() -> str | None:
            try:
                note = json.loads(self._exit_file.read_bytes())
                if note["pid"] == info.pid and note["start_ticks"] == info.start_ticks:
                    return str(note["how"])
            except (OSError, ValueError, KeyError):
                # Not written yet, or about another kernel, or by no supervisor of ours.
                return None
            return None

        # However many commands it took along, they wait for the same note.
        due_s = self._note_due_s.setdefault(
            info.generation, time.monotonic() + EXIT_NOTE_DEADLINE_S
        )
        return poll_until(look, max(0.0, due_s - time.monotonic()))
