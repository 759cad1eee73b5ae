"""The messages between gateway and nestd. ``docs/protocol.md`` specifies them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from protocol.errors import NestdError
from protocol.logging.context import NO_REQUEST, RequestContext
from protocol.wire.values import Buffer, Value


class Action(enum.Enum):
    """What an operation does with the name it carries."""

    #: Call the function, method or constructor of that name.
    CALL_JSON = "call_json"
    #: Call it as PyNEST itself would be: the arguments are PyNEST's own, and so are the types in
    #: the answer. For callers who have PyNEST's objects, by reference.
    CALL_PYNEST = "call_pynest"
    #: Read the kernel attribute of that name.
    GET = "get"
    #: Set the kernel attribute of that name to the only argument.
    SET = "set"
    #: Documentation, source or signature (the only argument says which) of that name.
    INSPECT = "inspect"
    #: Names of everything that can be called or read.
    LIST_NAMES = "list_names"
    #: What a look-alike of PyNEST has to know: roles of all names, NEST's errors, its version.
    DESCRIBE = "describe"
    #: What a page about PyNEST has to know: parameters and documentation of all names.
    DESCRIBE_API = "describe_api"
    #: Drop the objects that the references among the arguments name.
    RELEASE = "release"
    #: Between ranks: the number of the next object, before a script makes any.
    CHECKPOINT = "checkpoint"
    #: Between ranks: drop all objects from a number on, as the script that made them has ended.
    RELEASE_FROM = "release_from"
    #: Between ranks: which rows of the whole a rank's connections are.
    ASSIGN_ORDER = "assign_order"
    #: Between ranks: call again what every rank has put off, as nothing is missing.
    COMMIT = "commit"
    #: Between ranks: go on with the run that has paused.
    RESUME = "resume"
    #: Between ranks: end the run that has paused where it is.
    ABORT = "abort"
    #: Between ranks: what a recorder has recorded beyond what was told.
    READ_NEW_EVENTS = "read_new_events"
    #: Between ranks: which recorders there are.
    RECORDERS = "recorders"


#: What callers may ask for by themselves; the rest is between nestd and its ranks.
OPEN_ACTIONS = frozenset(
    [
        Action.CALL_JSON,
        Action.CALL_PYNEST,
        Action.GET,
        Action.SET,
        Action.INSPECT,
        Action.DESCRIBE,
        Action.RELEASE,
    ]
)

#: What only ranks ask of each other, and nobody by a command.
BETWEEN_RANKS = frozenset(
    [
        Action.CHECKPOINT,
        Action.RELEASE_FROM,
        Action.ASSIGN_ORDER,
        Action.COMMIT,
        Action.RESUME,
        Action.ABORT,
        Action.READ_NEW_EVENTS,
        Action.RECORDERS,
    ]
)

#: States of a job that are final.
FINAL_STATES = frozenset(["done", "failed", "cancelled"])

#: Calls that simulate, and so publish events about their progress.
SIMULATING = frozenset(["Run", "Simulate"])


@dataclass(frozen=True)
class PackedArguments:
    """Arguments as they were received in a command, to be sent on without packing them again."""

    #: All frames of the command.
    frames: Sequence[Buffer]
    #: Fields in its header, as they were decoded.
    fields: list[Value]


@dataclass(frozen=True)
class Operation:
    """One PyNEST call: what every rank executes."""

    action: Action
    #: Dotted name in PyNEST's public interface, such as ``Create`` or ``NodeCollection.get``.
    call: str = ""
    args: list[Value] = field(default_factory=list)
    kwargs: dict[str, Value] = field(default_factory=dict)
    #: Between ranks: steps of biological time after which a run pauses; ``None`` if it does not.
    budget: int | None = None
    #: Between ranks: the shortest delay of all of them, in ms, if they may not ask NEST for it.
    min_delay_ms: float | None = None
    #: What ``args`` and ``kwargs`` were decoded from, if they come from a command as they are.
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
    #: Whether the answer is every rank's own, unmerged.
    unmerged: bool = False
    #: The HTTP request that asks for it.
    context: RequestContext = NO_REQUEST
    #: What was sent under this name is executed once, however often it arrives; over ``tcp://``,
    #: where a sender may not know whether it did.
    delivery_id: str = ""


@dataclass(frozen=True)
class Batch:
    """Gateway to nestd: execute these in their order, nothing of others in between, and answer
    exactly once.

    The value of the result is the list of theirs. The first that raises ends it: the error of the
    failure tells its ``index``, and the ``results`` of those before it.
    """

    id: str
    operations: list[Operation]
    #: As that of a command.
    references: bool = False
    #: The HTTP request that asks for it.
    context: RequestContext = NO_REQUEST
    #: As that of a command.
    delivery_id: str = ""


@dataclass(frozen=True)
class Script:
    """Gateway to nestd, and nestd to a script runner: run this and answer exactly once.

    The value of the result is a dict: ``data`` if anything was asked for, and ``stdout`` if
    anything was printed.
    """

    id: str
    source: str
    #: The name, or names, whose values are asked for. An empty name has no value.
    returns: str | list[str] | None = None
    #: The HTTP request that asks for it.
    context: RequestContext = NO_REQUEST
    #: As that of a command.
    delivery_id: str = ""


@dataclass(frozen=True)
class EndScript:
    """Gateway to nestd: end the script that runs now, at once. The value tells if one did."""

    id: str


@dataclass(frozen=True)
class Submit:
    """Gateway to nestd: the job of that name in the spool is to be executed in its turn.

    The value tells that it is known now. Its answer goes to the spool.
    """

    id: str


@dataclass(frozen=True)
class Cancel:
    """Gateway to nestd: end the command, script or job of that name.

    The value is ``"queued"`` if it has not begun and now never will, ``"running"`` if it will end
    at the next occasion, and ``None`` if it is not there (any more).
    """

    id: str
    #: Of what is to be ended.
    target: str
    #: Why, for whoever waits for it.
    reason: str


@dataclass(frozen=True)
class Watch:
    """Gateway to nestd: tell, for some seconds, what these recorders record.

    Said again and again while somebody listens.
    """

    id: str
    #: Ids of nodes.
    recorders: list[int]
    #: Whether to begin with what they have recorded so far, though others may know it.
    anew: bool = False


@dataclass(frozen=True)
class ListRecorders:
    """Gateway to nestd: which recorders are there?

    The value is a list of ``[first id, last id, model]``. It waits in no queue.
    """

    id: str


@dataclass(frozen=True)
class Event:
    """Nestd to all gateways: something happened. Nobody answers it, and it may get lost.

    ``kind`` is ``state``, ``progress``, ``output``, ``spikes`` or ``log``; ``facts`` are what
    ``docs/protocol.md`` lists.
    """

    kind: str
    facts: dict[str, Value]


@dataclass(frozen=True)
class Result:
    """Nestd to gateway: the command was executed and this is its value."""

    id: str
    #: Generation of the kernel that executed it.
    generation: str
    value: Value


@dataclass(frozen=True)
class Failure:
    """Nestd to gateway: the command was not executed, or raised."""

    id: str
    generation: str
    error: NestdError


@dataclass(frozen=True)
class Execute:
    """Master to a rank: execute this and answer exactly once."""

    #: Counts the operations of this kernel, from 1.
    number: int
    operation: Operation
    references: bool
    #: The HTTP request that asks for it.
    context: RequestContext = NO_REQUEST


@dataclass(frozen=True)
class Executed:
    """A rank to the master: what it made of an operation, a value or the error it raised."""

    number: int
    rank: int
    value: Value = None
    error: NestdError | None = None


@dataclass(frozen=True)
class Answered:
    """Rank 0 to a rank: some rank raised, but all have answered, so none is stuck."""

    number: int


#: What waits in the queue for its turn.
Task: TypeAlias = Command | Batch | Script

#: What a gateway asks of nestd.
Request: TypeAlias = Task | EndScript | Submit | Cancel | Watch | ListRecorders

Message: TypeAlias = Request | Event | Result | Failure | Execute | Executed | Answered
