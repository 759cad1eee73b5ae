"""Instructions of the master's state to its loop.

A :class:`Step` is the last instruction of its list: the state waits for the event that answers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nestd.broker.client import BrokeredJob
from protocol.wire.messages import Message, Operation, Script
from protocol.wire.values import Buffer, Value


class Instruction:
    """Instruction to the loop."""


class Step(Instruction):
    """Instruction that the loop answers by an event."""


@dataclass(frozen=True)
class ExecuteOnRanks(Step):
    """Have all ranks execute an operation."""

    operation: Operation
    #: Whether kernel objects are answered as references.
    references: bool = False


@dataclass(frozen=True)
class Receive(Step):
    """Take in all messages that have arrived."""


@dataclass(frozen=True)
class ClaimJob(Step):
    """Claim a job in the spool, unless somebody else has."""

    job: BrokeredJob
    #: Generation of this kernel, ``CANCELLED`` or ``LOST``.
    by: str


@dataclass(frozen=True)
class WriteFile(Step):
    """Write a text into a file of the data directory."""

    name: str
    text: str


@dataclass(frozen=True)
class CheckRoom(Step):
    """Look whether files of callers may have more room."""


@dataclass(frozen=True)
class RunScript(Step):
    """Run a script to its end; its operations come as events meanwhile."""

    script: Script


@dataclass(frozen=True)
class InterruptScript(Step):
    """Ask the script runner to end its script."""

    reason: str


@dataclass(frozen=True)
class SendReply(Instruction):
    """Send an answer to a gateway."""

    receiver: bytes
    message: Message
    #: Delivery id of the command, if the answer is to be kept under it.
    delivery_id: str = ""


@dataclass(frozen=True)
class Resend(Instruction):
    """Send the frames of an earlier answer again."""

    receiver: bytes
    frames: Sequence[Buffer]


@dataclass(frozen=True)
class EndJob(Instruction):
    """Keep a job's answer in the spool."""

    job: BrokeredJob
    answer: Message


@dataclass(frozen=True)
class AppendOutput(Instruction):
    """Add to what a job's script has printed, in the spool."""

    job: BrokeredJob
    output: bytes


@dataclass(frozen=True)
class AnswerScript(Instruction):
    """Give the script that runs the answer to its operation."""

    message: Message


@dataclass(frozen=True)
class ClearUpScript(Instruction):
    """Clear up after the script that ran last."""


@dataclass(frozen=True)
class Publish(Instruction):
    """Send an event to all gateways that listen."""

    kind: str
    facts: dict[str, Value]


@dataclass(frozen=True)
class WriteStatus(Instruction):
    """Write the status file anew."""


@dataclass(frozen=True)
class StopProcess(Instruction):
    """End the process."""
