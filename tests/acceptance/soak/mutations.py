"""Messages of the protocol with something changed at random, and random bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from protocol.errors import KernelError, ProtocolError
from protocol.logging.context import RequestContext
from protocol.version import WIRE_VERSION
from protocol.wire import frames
from protocol.wire.messages import (
    Action,
    Answered,
    Batch,
    Cancel,
    Command,
    EndScript,
    Event,
    Execute,
    Executed,
    Failure,
    LeaseNotice,
    ListRecorders,
    Message,
    Operation,
    Result,
    Script,
    Submit,
    Watch,
)
from protocol.wire.values import Reference

Frames = list[bytes]

#: Numbers at which codes for lengths and types change.
_EDGES = (0, 1, -1, 127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32, 2**63 - 1, -(2**63))


def messages(generation: str) -> list[Message]:
    """One of each kind, for that kernel.

    None of the calls takes longer or makes more, whatever its numbers are changed to: a call for
    2^31 neurons would be no garbage, but one to be executed.
    """
    origin = RequestContext("fuzz", True)
    reference = Reference(1, "NodeCollection", generation)
    operations = [
        Operation(Action.CALL_JSON, "GetKernelStatus", ["resolution"]),
        Operation(Action.CALL_JSON, "GetStatus", [np.array([1, 2]), "V_m"]),
        Operation(Action.CALL_JSON, "NodeCollection.get", [reference, "V_m"], {"output": ""}),
        Operation(Action.CALL_PYNEST, "GetDefaults", ["iaf_psc_alpha", ["V_m", "C_m"]]),
        Operation(Action.GET, "biological_time"),
        Operation(Action.SET, "rng_seed", [7]),
        Operation(Action.INSPECT, "Create", ["signature"]),
        Operation(Action.RELEASE, args=[reference]),
        *(Operation(action) for action in Action),
    ]
    return [
        *(Command(f"c{n}", one, n % 2 == 0) for n, one in enumerate(operations)),
        Command("once", operations[0], False, True, origin, "once"),
        Script("s", "x = 1", ["x"], origin),
        Batch("b", operations[:2]),
        EndScript("e"),
        Submit("0123456789abcdef"),
        Cancel("k", "another", "fuzz"),
        LeaseNotice("k", ["a", "b"], ["c"]),
        Watch("w", [1, 2], True),
        ListRecorders("l"),
        *events(),
        Result("r", generation, {"a": [1.5, None, np.arange(3.0)]}),
        Failure("f", generation, KernelError("an error", call="Create", ranks=(1,))),
        Execute(1, operations[0], False),
        Executed(1, 0, np.arange(4), None),
        Answered(1),
    ]


def events() -> list[Message]:
    """What a kernel tells."""
    columns = {"times": np.array([1.0, 2.5]), "senders": np.array([1, 2])}
    return [
        Event("log", {"source": "nestd", "level": "info", "text": "a line"}),
        Event("progress", {"job": "0123456789abcdef", "done_ms": 1.0, "of_ms": 2.0}),
        Event("spikes", {"recorder": 1, "events": columns, "first": 0}),
        Event("began", {"job": "0123456789abcdef", "what": "Simulate"}),
        Event("ended", {"job": "0123456789abcdef", "what": "Simulate", "state": "done"}),
    ]


def encoded(message: Message) -> Frames:
    """Its frames, as bytes of their own."""
    return [bytes(frame) for frame in frames.encode(message)]


def mutated(chance: random.Random, message: Frames) -> Frames:
    """It with one to three changes; a message of at least one frame, which resets no kernel."""
    changed = list(message)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        changed = chance.choice(_MUTATIONS)(chance, changed) or [b""]
    return list(message) if _resets(changed) else changed


def _resets(message: Frames) -> bool:
    try:
        found = frames.decode(message)
    except ProtocolError:
        return False
    return isinstance(found, Script) and found.reset


def random_frames(chance: random.Random, size_bytes: int) -> Frames:
    """A message of that many random bytes, half the time one that begins as it ought to."""
    parts = chance.randint(1, 5)
    cuts = sorted(chance.randint(0, size_bytes) for _ in range(parts - 1))
    data = chance.randbytes(size_bytes)
    split = [data[a:b] for a, b in zip([0, *cuts], [*cuts, size_bytes], strict=True)]
    if chance.random() < 0.5:
        return [frames.MAGIC + bytes([WIRE_VERSION]), *split]
    return split


def _byte(chance: random.Random, message: Frames) -> Frames:
    at = chance.randrange(len(message))
    if message[at]:
        found = bytearray(message[at])
        found[chance.randrange(len(found))] = chance.randrange(256)
        message[at] = bytes(found)
    return message


def _cut(chance: random.Random, message: Frames) -> Frames:
    at = chance.randrange(len(message))
    message[at] = message[at][: chance.randint(0, len(message[at]))]
    return message


def _insert(chance: random.Random, message: Frames) -> Frames:
    at = chance.randrange(len(message))
    where = chance.randint(0, len(message[at]))
    put = chance.randbytes(chance.randint(1, 9))
    message[at] = message[at][:where] + put + message[at][where:]
    return message


def _double(chance: random.Random, message: Frames) -> Frames:
    message.insert(chance.randint(0, len(message)), chance.choice(message))
    return message


def _drop(chance: random.Random, message: Frames) -> Frames:
    del message[chance.randrange(len(message))]
    return message


def _shuffle(chance: random.Random, message: Frames) -> Frames:
    chance.shuffle(message)
    return message


def _field(chance: random.Random, message: Frames) -> Frames:
    """Another value in place of one of those in the header, which stays msgpack."""
    try:
        fields = msgpack.unpackb(message[1], strict_map_key=False)
        message[1] = msgpack.packb(_replaced(chance, fields))
    except (IndexError, TypeError, ValueError, OverflowError, msgpack.UnpackException):
        return _byte(chance, message)
    return message


def _replaced(chance: random.Random, value: Any) -> Any:
    """It, with something in it replaced: half the time by something of the same kind."""
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        return [*value[:at], _replaced(chance, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value:
        key = chance.choice(list(value))
        return value | {key: _replaced(chance, value[key])}
    if isinstance(value, msgpack.ExtType):
        data = _byte(chance, [value.data])[0]
        return msgpack.ExtType(value.code, data)
    if chance.random() < 0.5:
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return chance.choice(_EDGES)
        if isinstance(value, str):
            return chance.choice(("", value + "x", "x" * chance.randint(1, 300), "\n\0\ud7ff"))
    return _value(chance)


def _value(chance: random.Random) -> Any:
    deep: Any = 1
    for _ in range(chance.choice((2, 60, 70))):
        deep = [deep]
    return chance.choice(
        (
            None,
            True,
            "",
            "x" * chance.randint(1, 300),
            chance.choice(list(Action)).value,
            chance.choice(_EDGES),
            float("nan"),
            float("inf"),
            chance.randbytes(chance.randint(0, 20)),
            {},
            {"a": {"b": [1]}},
            deep,
            msgpack.ExtType(chance.randrange(128), chance.randbytes(chance.randint(0, 20))),
        )
    )


_MUTATIONS: tuple[Callable[[random.Random, Frames], Frames], ...] = (
    _byte,
    _cut,
    _insert,
    _double,
    _drop,
    _shuffle,
    # What stays msgpack gets further.
    *[_field] * 4,
)


def harmless(generation: str) -> list[Message]:
    """Messages that, whatever they are changed to, disturb nobody who uses the kernel."""
    return [
        *events(),
        Watch("w", [1, 2], True),
        ListRecorders("l"),
        Result("r", generation, {"a": [1.5, None, np.arange(3.0)]}),
        Failure("f", generation, KernelError("an error", call="Create", ranks=(1,))),
        Executed(1, 0, np.arange(4), None),
        Answered(1),
    ]
