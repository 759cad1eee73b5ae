"""Messages between gateway, nestd and its ranks. ``docs/protocol.md`` specifies them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from protocol.errors import InternalError, NestdError
from protocol.logging.context import NO_REQUEST, RequestContext
from protocol.warned import Warned
from protocol.wire.values import Buffer, Value


class Action(enum.Enum):
    """Action of an operation on the name that it carries."""

    #: Call the function, method or constructor of that name.
    CALL_JSON = "call_json"
    #: Call it as PyNEST itself is called: the arguments are PyNEST's own, and so are the types in
    #: the answer. For callers who have PyNEST's objects, by reference.
    CALL_PYNEST = "call_pynest"
    #: Read the kernel attribute of that name.
    GET = "get"
    #: Set the kernel attribute of that name to the only argument.
    SET = "set"
    #: Documentation, source or signature (the only argument says which) of that name.
    INSPECT = "inspect"
    #: Description for a look-alike of PyNEST: roles of all names, NEST's errors and version.
    DESCRIBE = "describe"
    #: Description for a page about PyNEST: parameters and documentation of all names.
    DESCRIBE_API = "describe_api"
    #: Drop the objects that the references among the arguments name.
    RELEASE = "release"
    #: Between ranks: how many bytes the objects of the owners take that the arguments name.
    MEASURE_OWNERS = "measure_owners"
    #: Between ranks: drop all objects of the owners that are named, for a reason.
    RELEASE_OWNERS = "release_owners"
    #: Between ranks: which rows of the whole a rank's connections are.
    ASSIGN_ORDER = "assign_order"
    #: Between ranks: do the call that every rank has deferred, as all connections are there.
    COMMIT = "commit"
    #: Between ranks: resume the run that has paused.
    RESUME = "resume"
    #: Between ranks: end the run that has paused where it is.
    ABORT = "abort"
    #: The events that the recorder with an id has recorded since it was read: the arguments are the
    #: id, and what the last reading answered as ``told``; nothing for all events.
    READ_NEW_EVENTS = "read_new_events"
    #: Between ranks: which recorders there are.
    RECORDERS = "recorders"
    #: From a script to rank 0: which files NEST has written.
    LIST_FILES = "list_files"


#: Actions that callers may ask for; the others are for gateway, nestd and its ranks.
OPEN_ACTIONS = frozenset(
    [
        Action.CALL_JSON,
        Action.CALL_PYNEST,
        Action.GET,
        Action.SET,
        Action.INSPECT,
        Action.DESCRIBE,
        Action.RELEASE,
        Action.READ_NEW_EVENTS,
    ]
)

#: Actions between ranks only, refused in a command.
BETWEEN_RANKS = frozenset(
    [
        Action.MEASURE_OWNERS,
        Action.RELEASE_OWNERS,
        Action.ASSIGN_ORDER,
        Action.COMMIT,
        Action.RESUME,
        Action.ABORT,
        Action.RECORDERS,
    ]
)

#: States of a job that are final.
FINAL_STATES = frozenset(["done", "failed", "cancelled"])

#: Calls that simulate, and so publish events about their progress.
SIMULATING = frozenset(["Run", "Simulate"])


@dataclass(frozen=True)
class PackedArguments:
    """Arguments as a command brought them, to be sent on without packing them again."""

    #: All frames of the command.
    frames: Sequence[Buffer]
    #: Fields in its header, as they were decoded.
    fields: list[Value]


@dataclass(frozen=True)
class Operation:
    """Operation that every rank executes: most of all a PyNEST call."""

    action: Action
    #: Dotted name in PyNEST's public interface, such as ``Create`` or ``NodeCollection.get``.
    call: str = ""
    args: list[Value] = field(default_factory=list)
    kwargs: dict[str, Value] = field(default_factory=dict)
    #: Between ranks: steps of biological time after which a run pauses; ``None`` if it does not.
    budget: int | None = None
    #: Between ranks: the shortest delay of all of them, in ms, if they may not ask NEST for it.
    min_delay_ms: float | None = None
    #: Frames that ``args`` and ``kwargs`` come from, if these are the arguments of a command.
    packed: PackedArguments | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Command:
    """Gateway to nestd: execute this and answer exactly once."""

    #: Chosen by the sender; the answer carries it back.
    id: str
    operation: Operation
    #: Whether kernel objects are answered as references. A caller that can't hold them
    #: gets their contents instead.
    references: bool = False
    #: Whether the answer has every rank's own answer, unmerged.
    unmerged: bool = False
    #: HTTP request that asks for it.
    context: RequestContext = NO_REQUEST
    #: A message with this id is executed once, however often it arrives; over ``tcp://``, where its
    #: sender may not know whether it did.
    delivery_id: str = ""


@dataclass(frozen=True)
class Batch:
    """Gateway to nestd: execute these operations in their order and answer exactly once.

    No other command is executed in between. The value of the result is the list of their values.
    The first operation that raises ends the batch: the error of the failure has its ``index``, and
    the ``results`` of the operations before it.
    """

    id: str
    operations: list[Operation]
    #: See :class:`Command`.
    references: bool = False
    #: HTTP request that asks for it.
    context: RequestContext = NO_REQUEST
    #: See :class:`Command`.
    delivery_id: str = ""


@dataclass(frozen=True)
class Script:
    """Gateway to nestd, and nestd to a script runner: run this and answer exactly once.

    The value of the result is a dict: ``data`` if anything was asked for, and ``stdout`` if
    anything was printed.
    """

    id: str
    source: str
    #: Name or names whose values are asked for. An empty name has no value.
    returns: str | list[str] | None = None
    #: HTTP request that asks for it.
    context: RequestContext = NO_REQUEST
    #: See :class:`Command`.
    delivery_id: str = ""
    #: Whether the script begins with a kernel as a new process has it.
    reset: bool = False
    #: File name of the source, in the archive if there is one; empty for the server's own choice.
    name: str = ""
    #: Arguments of the program: what follows the name in ``sys.argv``.
    argv: list[str] = field(default_factory=list)
    #: Archive with the files of the program, zip or tar; empty if the source is all there is.
    archive: bytes = b""


@dataclass(frozen=True)
class EndScript:
    """Gateway to nestd: end the script that runs now. The value is whether there was one."""

    id: str


@dataclass(frozen=True)
class Submit:
    """Gateway to nestd: execute the job of that name from the spool in its turn.

    The value is true. The job's answer goes to the spool.
    """

    id: str


@dataclass(frozen=True)
class Cancel:
    """Gateway to nestd: end the command, script or job of that name.

    The value is ``"queued"`` if the target has not begun and now never will, ``"running"`` if it
    ends at the next occasion, and ``None`` if there is no such target.
    """

    id: str
    #: Id of the command, script or job to be ended.
    target: str
    #: Reason, for the caller who waits for the target.
    reason: str


@dataclass(frozen=True)
class Watch:
    """Gateway to nestd: publish for some seconds what these recorders record.

    The gateway repeats the message while it has readers.
    """

    id: str
    #: Ids of nodes.
    recorders: list[int]
    #: Whether to begin with all events recorded so far, for a reader who has just come.
    anew: bool = False


@dataclass(frozen=True)
class ListRecorders:
    """Gateway to nestd: list the recorders.

    The value is a list of ``[first id, last id, model]``. The message waits in no queue.
    """

    id: str


@dataclass(frozen=True)
class LeaseNotice:
    """Gateway to nestd: these clients live, and those have ended, so their objects can go.

    The value is true. The message waits in no queue.
    """

    id: str
    #: Ids of the clients that have shown a sign of life.
    renewed: list[str]
    #: Ids of the clients that have said good-bye.
    ended: list[str]


@dataclass(frozen=True)
class Event:
    """Nestd to all gateways: notice without an answer, which may get lost.

    ``kind`` is ``state``, ``progress``, ``output``, ``spikes`` or ``log``; ``facts`` are what
    ``docs/protocol.md`` lists.
    """

    kind: str
    facts: dict[str, Value]


@dataclass(frozen=True)
class Result:
    """Nestd to gateway: value of a command that was executed."""

    id: str
    #: Generation of the kernel that executed it.
    generation: str
    value: Value
    #: What NEST and PyNEST warned of meanwhile.
    warnings: Sequence[Warned] = ()


@dataclass(frozen=True)
class Failure:
    """Nestd to gateway: error of a command that was not executed, or raised."""

    id: str
    generation: str
    error: NestdError
    #: See :class:`Result`.
    warnings: Sequence[Warned] = ()


@dataclass(frozen=True)
class Execute:
    """Rank 0 to a rank: execute this and answer exactly once."""

    #: Counts the operations of this kernel, from 1.
    number: int
    operation: Operation
    references: bool
    #: HTTP request that asks for it.
    context: RequestContext = NO_REQUEST


@dataclass(frozen=True)
class Executed:
    """Rank to rank 0: value of an operation, or the error that it raised."""

    number: int
    rank: int
    value: Value = None
    error: NestdError | None = None
    #: What NEST and PyNEST warned of on that rank.
    warnings: Sequence[Warned] = ()


@dataclass(frozen=True)
class Answered:
    """Rank 0 to a rank: all ranks have answered though some raised, so none is stuck."""

    number: int


#: Messages that wait in the queue for their turn.
Task: TypeAlias = Command | Batch | Script

#: Messages from a gateway to nestd.
Request: TypeAlias = Task | EndScript | Submit | Cancel | Watch | ListRecorders | LeaseNotice

Message: TypeAlias = Request | Event | Result | Failure | Execute | Executed | Answered


def required_result(message: Message) -> Result:
    """Return ``message`` if it is a result.

    To be called with what no variable of the caller holds: by its traceback a failure's error leads
    to the frames that it passes. Where one of them has a way back to the error, all that is in them
    stays until cycles are collected, such as the arguments of the call.

    Raises
    ------
    NestdError
        That of a failure.
    InternalError
        If it is neither.
    """
    try:
        if isinstance(message, Failure):
            message.error.warnings = tuple(message.warnings)
            raise message.error
        if not isinstance(message, Result):
            raise InternalError("nestd answered with what is no answer")
        return message
    finally:
        del message
