"""What nestd is at, said where others see it: in the status file, and as events."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import zmq

from nestd.master.slicing import SimulationProgress
from protocol.errors import Cancelled, NestdError, ProtocolError
from protocol.runtime.status_file import LISTED, Status, StatusWriter
from protocol.runtime.stored_job import StoredJob
from protocol.wire import frames
from protocol.wire.messages import Event, Failure, Message
from protocol.wire.values import Value

#: Between two events about the same simulation.
_PROGRESS_S = 0.2
#: After so long without news, the old ones are said again.
BEAT_S = 2.0
#: Of the name of a call that others see.
_WHAT_CHARACTERS = 200


class Activity:
    """Says what is executed, how far it is, and what waits.

    Parameters
    ----------
    path : of the status file
    socket : bound PUB socket; whoever is too slow for it misses events
    """

    def __init__(self, path: Path, socket: zmq.Socket[bytes]) -> None:
        self._writer = StatusWriter(path)
        self._socket = socket
        self._status = Status()
        self._job: StoredJob | None = None
        #: Whether others were told that the command has begun.
        self._told = False
        self._next_s = 0.0
        #: When the status was written, by the monotonic clock.
        self._said_s = 0.0

    def begin(self, id: str, label: str, job: StoredJob | None, queue: Iterable[str]) -> None:
        """A command is executed from now on."""
        self._job = job
        self._told = False
        self._next_s = 0.0
        # A caller chooses it, and it has to fit into the file.
        label = label[:_WHAT_CHARACTERS]
        self._status = self._idle(
            id=id, label=label, since_s=time.time(), queue=list(islice(queue, LISTED))
        )
        self._write()
        if job is not None:
            self._tell()

    def enter(self, call: str) -> None:
        """A script's call, or the command's own, is executed from now on."""
        self._status = replace(
            self._status, call=call, from_ms=None, at_ms=None, until_ms=None, began_s=None
        )

    def move(self, progress: SimulationProgress, queue: Iterable[str]) -> None:
        """The simulation is so far."""
        now_s = time.time()
        self._status = replace(
            self._status,
            from_ms=progress.from_ms,
            at_ms=progress.at_ms,
            until_ms=progress.until_ms,
            began_s=now_s - progress.took_s,
            at_s=now_s,
            queue=list(islice(queue, LISTED)),
        )
        self._write()
        if now_s >= self._next_s:
            self._next_s = now_s + _PROGRESS_S
            self._tell()
            self.publish(
                "progress",
                {
                    "job": self._status.id,
                    "call": self._status.call,
                    "from_ms": progress.from_ms,
                    "at_ms": progress.at_ms,
                    "until_ms": progress.until_ms,
                    "wall_s": progress.took_s,
                },
            )

    def simulated(self, biological_ms: float) -> None:
        """A simulation has ended, after so much biological time."""
        self._status = replace(
            self._status,
            from_ms=None,
            at_ms=None,
            until_ms=None,
            began_s=None,
            simulated_ms=self._status.simulated_ms + biological_ms,
        )

    def _idle(self, **now: Any) -> Status:
        last = self._status
        return Status(simulated_ms=last.simulated_ms, stopping=last.stopping, **now)

    def beat(self) -> None:
        """Say the same again from time to time, which shows that this process still listens."""
        if time.monotonic() - self._said_s >= BEAT_S:
            self._write()

    def _write(self) -> None:
        self._said_s = time.monotonic()
        self._writer.write(self._status)

    def stopping(self) -> None:
        """Nothing new is taken any more."""
        self._status = replace(self._status, stopping=True, queue=[])
        self._write()

    def print(self, output: bytes) -> None:
        """The script has printed something."""
        if self._job is not None:
            self._job.print(output)
        self._tell()
        text = output.decode("utf-8", "replace")
        self.publish("output", {"job": self._status.id, "text": text})

    def ending(self) -> None:
        """The command is to end at the next occasion."""
        self._status = replace(self._status, ending=True)
        self._write()

    def end(self, answer: Message) -> None:
        """The command has ended."""
        if self._told:
            self.conclude(self._status.id, self._status.label, answer)
        self._status = self._idle()
        self._job = None
        self._write()

    def log(self, level: str, text: str) -> None:
        """This process has logged a line."""
        self.publish("log", {"source": "kernel", "level": level, "text": text})

    def conclude(self, id: str, label: str, answer: Message) -> None:
        """Tell what came of a command."""
        facts: dict[str, Value] = {"job": id, "what": label, "state": "done"}
        if isinstance(answer, Failure):
            facts["state"] = state_of(answer.error)
            facts["message"] = answer.error.message
        self.publish("state", facts)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            status = self._status
            self.publish("state", {"job": status.id, "what": status.label, "state": "running"})

    def publish(self, kind: str, facts: dict[str, Value]) -> None:
        """Tell whoever listens; nobody waits for those who are too slow."""
        with contextlib.suppress(zmq.Again, ProtocolError):
            self._socket.send_multipart(frames.encode(Event(kind, facts)), zmq.NOBLOCK)


def state_of(error: NestdError) -> str:
    """The state that a command ends in by ``error``."""
    return "cancelled" if isinstance(error, Cancelled) else "failed"
