"""Activity of the kernel, for the status file and as events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from nestd.master.courses import Turn
from nestd.master.instructions import AppendOutput, Publish, WriteStatus
from nestd.master.queue import QueuedCommand
from protocol.errors import Cancelled, NestdError
from protocol.runtime.status_file import LISTED, Status
from protocol.wire.messages import Failure, Message
from protocol.wire.values import Value

#: Between two events about the progress of a simulation.
_PROGRESS_S = 0.2
#: Age at which the status file is written again, which shows that this process still listens.
REFRESH_S = 2.0
#: Calls that take less are quick: so many of them a second have an event, the others are counted.
QUICK_S = 0.5
_QUICK_PER_S = 20.0
#: Length of an error's message that others see; a script chooses it.
_MESSAGE_CHARACTERS = 2000
#: Length of a command's label that others see.
_LABEL_CHARACTERS = 200

_WRITE_STATUS = WriteStatus()


@dataclass(frozen=True)
class SimulationProgress:
    """How far a simulation is, in ms of biological time."""

    #: Where the simulation began, is, and ends.
    from_ms: float
    at_ms: float
    until_ms: float
    #: Time since its beginning, by the clock.
    took_s: float


class Activity:
    """Reports what is executed, how far that is, and what waits.

    Parameters
    ----------
    turn : takes the instructions to write and publish
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._current: QueuedCommand | None = None
        self._label = ""
        self._call = ""
        self._since_s = 0.0
        self._queue: list[QueuedCommand] = []
        self._progress: SimulationProgress | None = None
        #: When the progress was noted, by the monotonic clock.
        self._at_s = 0.0
        self._simulated_ms = 0.0
        self._is_ending = False
        self._is_stopping = False
        #: Whether an event has told that the command began.
        self._is_published = False
        self._next_progress_s = 0.0
        self._written_s = 0.0
        #: Quick calls that may have an event now, and when that was reckoned.
        self._quick_left, self._quick_s = _QUICK_PER_S, 0.0
        #: Quick calls that have ended without one since the last event about them.
        self._uncounted = 0

    def status(self, epoch_s: float) -> Status:
        """Return the status to be written.

        Parameters
        ----------
        epoch_s : time since 1970 at which the monotonic clock was 0
        """
        current, progress = self._current, self._progress
        if current is None:
            return Status(simulated_ms=self._simulated_ms, stopping=self._is_stopping)
        at_s = epoch_s + self._at_s
        return Status(
            current.command.id,
            self._label,
            epoch_s + self._since_s,
            self._call,
            None if progress is None else progress.from_ms,
            None if progress is None else progress.at_ms,
            None if progress is None else progress.until_ms,
            None if progress is None else at_s - progress.took_s,
            None if progress is None else at_s,
            self._simulated_ms,
            self._is_ending,
            self._is_stopping,
            [queued.id for queued in self._queue],
            {
                queued.id: queued.label[:_LABEL_CHARACTERS]
                for queued in self._queue
                if queued.command.context.direct
            },
        )

    def begin(self, queued: QueuedCommand, queue: Iterable[QueuedCommand]) -> None:
        """Note that a command begins.

        Parameters
        ----------
        queued : the command
        queue : the commands that wait
        """
        self._current = queued
        # A caller chooses the label, which has to fit into the file.
        self._label = queued.label[:_LABEL_CHARACTERS]
        self._since_s = self._turn.now_s
        self._queue = list(islice(queue, LISTED))
        self._is_published = False
        self._next_progress_s = 0.0
        self._write()
        if queued.job is not None:
            self._publish_begin()

    def enter(self, call: str) -> None:
        """Note that a call begins to simulate: the command's own, or a script's."""
        self._call = call
        self._progress = None

    def move(self, progress: SimulationProgress, queue: Iterable[QueuedCommand]) -> None:
        """Note how far the simulation is, and which commands wait."""
        now_s = self._turn.now_s
        self._progress, self._at_s = progress, now_s
        self._queue = list(islice(queue, LISTED))
        self._write()
        if now_s >= self._next_progress_s and self._current is not None:
            self._next_progress_s = now_s + _PROGRESS_S
            self._publish_begin()
            self.publish(
                "progress",
                {
                    "job": self._current.id,
                    "call": self._call,
                    "from_ms": progress.from_ms,
                    "at_ms": progress.at_ms,
                    "until_ms": progress.until_ms,
                    "wall_s": progress.took_s,
                },
            )

    def add_simulated(self, biological_ms: float) -> None:
        """Note that a simulation has ended, and how much time it has simulated."""
        self._progress = None
        self._simulated_ms += biological_ms

    def refresh(self) -> None:
        """Have the status written again if it is old, and quick calls counted."""
        self._publish_count()
        if self._turn.now_s - self._written_s >= REFRESH_S:
            self._write()

    def begin_stopping(self) -> None:
        """Note that nothing new is taken any more."""
        self._is_stopping = True
        self._queue = []
        self._write()

    def print(self, output: bytes) -> None:
        """Publish what the script has printed, and keep it with its job."""
        assert self._current is not None
        if self._current.job is not None:
            self._turn.instructions.append(AppendOutput(self._current.job, output))
        self._publish_begin()
        text = output.decode("utf-8", "replace")
        self.publish("output", {"job": self._current.id, "text": text})

    def begin_ending(self) -> None:
        """Note that the command is to end at the next occasion."""
        self._is_ending = True
        self._write()

    def end(self, answer: Message) -> None:
        """Note that the command has ended."""
        if self._current is not None:
            took_s = self._turn.now_s - self._since_s
            if isinstance(answer, Failure) or took_s >= QUICK_S:
                self._publish_begin()
            if self._is_published or self._may_publish_quick():
                self._publish_count()
                self.publish_end(self._current, answer, took_s)
        self._current = None
        self._call = ""
        self._progress = None
        self._queue = []
        self._is_ending = False
        self._write()

    def _may_publish_quick(self) -> bool:
        """Return whether one more quick call may have an event; count the call if not."""
        passed_s = self._turn.now_s - self._quick_s
        self._quick_s = self._turn.now_s
        self._quick_left = min(_QUICK_PER_S, self._quick_left + passed_s * _QUICK_PER_S)
        if self._quick_left < 1.0:
            self._uncounted += 1
            return False
        self._quick_left -= 1.0
        return True

    def _publish_count(self) -> None:
        if self._uncounted:
            self.publish("calls", {"count": self._uncounted})
            self._uncounted = 0

    def publish_end(
        self, queued: QueuedCommand, answer: Message, took_s: float | None = None
    ) -> None:
        """Publish how a command ended, and how long it took if it was begun."""
        label = queued.label[:_LABEL_CHARACTERS]
        facts: dict[str, Value] = {"job": queued.id, "what": label, "state": "done"}
        if took_s is not None:
            facts["took_s"] = round(took_s, 6)
        if isinstance(answer, Failure):
            facts["state"] = _state_of(answer.error)
            facts["message"] = answer.error.message[:_MESSAGE_CHARACTERS]
        self.publish("state", facts)

    def publish(self, kind: str, facts: dict[str, Value]) -> None:
        """Publish an event."""
        self._turn.instructions.append(Publish(kind, facts))

    def _publish_begin(self) -> None:
        if not self._is_published and self._current is not None:
            self._is_published = True
            state: dict[str, Value] = {"job": self._current.id, "what": self._label}
            self.publish("state", state | {"state": "running"})

    def _write(self) -> None:
        self._written_s = self._turn.now_s
        self._turn.instructions.append(_WRITE_STATUS)


def _state_of(error: NestdError) -> str:
    """Return the state in which a command ends by ``error``."""
    return "cancelled" if isinstance(error, Cancelled) else "failed"
