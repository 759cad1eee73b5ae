"""Messages on the wire: whatever arrives is a message or a ProtocolError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import (
    ERROR_KINDS,
    KernelError,
    MalformedRequest,
    NestdError,
    ProtocolError,
    VersionMismatch,
    facts_of,
)
from protocol.logging.context import REQUEST_ID, RequestContext
from protocol.version import WIRE_VERSION
from protocol.wire import bounds, frames, json_form, pack
from protocol.wire.bounds import CONTAINER_LIMIT
from protocol.wire.messages import (
    BETWEEN_RANKS,
    Action,
    Answered,
    Batch,
    Cancel,
    Command,
    Event,
    Execute,
    Executed,
    Failure,
    ListRecorders,
    Message,
    Operation,
    Result,
    Script,
    Submit,
    Watch,
)
from protocol.wire.values import VALUE_NESTING_LIMIT, Expression
from tests.sections import read_rows
from tests.unit.strategies import atoms, names, same, sent_values, texts, values

operations = st.builds(
    Operation,
    st.sampled_from(sorted(set(Action) - BETWEEN_RANKS, key=str)),
    texts,
    st.lists(sent_values, max_size=3),
    st.dictionaries(texts, sent_values, max_size=3),
)
budgeted = st.builds(
    Operation,
    st.sampled_from(Action),
    texts,
    budget=st.one_of(st.none(), st.integers(0, 2**40)),
    min_delay_ms=st.one_of(st.none(), st.floats(0, 1e6)),
)
errors = st.builds(
    lambda kind, message, **facts: ERROR_KINDS[kind](message, **facts),
    st.sampled_from(sorted(ERROR_KINDS)),
    texts,
    error_name=names,
    call=st.one_of(st.none(), texts),
    parameter=st.one_of(st.none(), texts),
    ranks=st.lists(st.integers(0, 400), max_size=3).map(tuple),
    retry_after_s=st.one_of(st.none(), st.integers(0, 60)),
    index=st.one_of(st.none(), st.integers(0, 999)),
    results=st.one_of(st.none(), st.lists(atoms, max_size=3)),
)
numbers = st.integers(0, 2**40)
origins = st.builds(RequestContext, st.from_regex(REQUEST_ID, fullmatch=True), st.booleans())
ids = st.from_regex(r"[A-Za-z0-9._:=+/@~-]{0,64}", fullmatch=True)
messages = st.one_of(
    st.builds(Command, ids, operations, st.booleans(), st.booleans(), origins, ids),
    st.builds(Batch, ids, st.lists(operations, max_size=3), st.booleans(), origins, ids),
    st.builds(Script, ids, texts, st.one_of(st.none(), texts, st.lists(texts)), origins, ids),
    st.builds(Result, ids, texts, values),
    st.builds(Failure, ids, texts, errors),
    st.builds(Execute, numbers, st.one_of(operations, budgeted), st.booleans(), origins),
    st.builds(Executed, numbers, numbers, values, st.one_of(st.none(), errors)),
    st.builds(Answered, numbers),
    st.builds(Submit, ids),
    st.builds(Cancel, ids, ids, texts),
    st.builds(Watch, ids, st.lists(numbers, max_size=3), st.booleans()),
    st.builds(ListRecorders, ids),
    st.builds(Event, texts, st.dictionaries(texts, values, max_size=3)),
)

#: Headers of a wrong form.
HEADERS = read_rows(Path(__file__).with_name("headers.txt"))["headers"]

PREAMBLE = frames.MAGIC + bytes([WIRE_VERSION])


@pytest.fixture(scope="module", autouse=True)
def frames_for_all_arrays() -> Iterator[None]:
    """Small arrays travel in frames of their own, and small commands are sent on as they came."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "FORWARD_FROM_BYTES", 0)
        patch.setattr(pack, "BUFFER_FROM_BYTES", 0)
        yield


COMMAND = Command(
    "1", Operation(Action.CALL_JSON, "Create", ["iaf_psc_alpha", np.arange(3)], {"n": 2})
)


def copied(message: Message) -> list[bytes]:
    """The frames of ``message`` as a socket would deliver them."""
    return [bytes(frame) for frame in frames.encode(message)]


def header(*fields: Any) -> list[bytes]:
    """Frames with any header."""
    return [PREAMBLE, msgpack.packb(list(fields))]


def parts_of(item: Any) -> Any:
    """Return what has to arrive of a message, or of what is in one."""
    if isinstance(item, NestdError):
        return facts_of(item)
    if isinstance(item, (Message, Operation)):
        return {
            each.name: parts_of(getattr(item, each.name)) for each in fields(item) if each.compare
        }
    if isinstance(item, list) and item and isinstance(item[0], Operation):
        return [parts_of(operation) for operation in item]
    return item


def is_same(one: Message, other: Message) -> bool:
    return type(one) is type(other) and same(parts_of(one), parts_of(other))


def assert_message_or_protocol_error(received: list[Any]) -> None:
    """What is promised for any frames; an accepted message can be sent again."""
    try:
        message = frames.decode(received)
    except ProtocolError:
        return
    assert is_same(frames.decode(copied(message)), message)


@given(messages)
def test_every_message_comes_back_the_same(message: Message) -> None:
    assert is_same(frames.decode(copied(message)), message)


commands = st.builds(Command, ids, operations, st.booleans(), st.booleans())


@given(commands, st.one_of(st.none(), st.integers(0, 2**40)))
def test_arguments_of_a_command_go_on_to_ranks_as_they_came(
    command: Command, budget: int | None
) -> None:
    received = copied(command)
    decoded = frames.decode(received)
    assert isinstance(decoded, Command)
    operation = replace(decoded.operation, budget=budget)
    execute = Execute(7, operation, command.references, RequestContext("r", True, "client"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack.Packer, "_extension", None)
        sent = frames.encode(execute)
    assert all(mine is theirs for mine, theirs in zip(sent[2:], received[2:], strict=True))
    assert is_same(frames.decode(sent), execute)


def test_arguments_that_are_no_longer_those_of_the_command_are_packed() -> None:
    decoded = frames.decode(copied(COMMAND))
    assert isinstance(decoded, Command)
    for changed in (
        replace(decoded.operation, args=["other"]),
        replace(decoded.operation, kwargs={}),
        replace(decoded.operation, args=[], kwargs={}, action=Action.RESUME),
    ):
        execute = Execute(1, changed, False)
        assert is_same(frames.decode(frames.encode(execute)), execute)


def test_arguments_of_a_sender_who_packs_otherwise_are_packed_anew() -> None:
    ours = msgpack.packb(
        ["command", "1", "get", "x", [1], {}, False, False, "", "", False, "", False]
    )
    # The type as text with a length of its own, and another text of two bytes more.
    for theirs in (
        ours.replace(b"\xa7command", b"\xd9\x07command"),
        ours.replace(b"\xa0\xa0\xc2", b"\xa0\xd9\x00\xc2"),
    ):
        assert theirs != ours
        decoded = frames.decode([PREAMBLE, theirs])
        assert isinstance(decoded, Command)
        execute = Execute(1, decoded.operation, False)
        assert is_same(frames.decode(frames.encode(execute)), execute)


def test_command_in_memory_that_can_be_written_stays_as_it_came() -> None:
    # Large enough to be read without copies, with an array where none should lie.
    operation = Operation(Action.CALL_JSON, "f", ["x" * 70_000, np.arange(400)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "BUFFER_FROM_BYTES", 1 << 20)
        received = [bytearray(frame) for frame in frames.encode(Command("12", operation))]
    before = [bytes(frame) for frame in received]
    frames.decode([memoryview(frame) for frame in received])
    assert [bytes(frame) for frame in received] == before


@given(commands)
def test_digest_tells_requests_apart_but_for_their_names(command: Command) -> None:
    def digest(task: Command) -> str:
        return frames.digest(task, frames.encode(task))

    again = replace(command, id="another", context=RequestContext("r", True))
    assert digest(command) == digest(again)
    assert digest(command) != digest(replace(command, references=not command.references))
    more = [*command.operation.args, np.arange(4)]
    assert digest(command) != digest(
        replace(command, operation=replace(command.operation, args=more))
    )


def test_small_arrays_travel_inside_so_that_there_may_be_very_many() -> None:
    many = Result("1", "g", [np.arange(3)] * (bounds.FRAME_LIMIT + 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "BUFFER_FROM_BYTES", 1024)
        received = copied(many)
    assert len(received) == 2
    assert is_same(frames.decode(received), many)


def test_arrays_travel_in_frames_of_their_own() -> None:
    first, second, *arrays = copied(COMMAND)
    assert first == PREAMBLE
    assert b"Create" in second
    assert arrays == [np.arange(3).tobytes()]


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_frames_are_a_message_or_a_protocol_error(received: list[bytes]) -> None:
    assert_message_or_protocol_error(received)
    assert_message_or_protocol_error([PREAMBLE, *received])


@given(messages, st.data())
def test_damaged_messages_are_a_message_or_a_protocol_error(
    message: Message, data: st.DataObject
) -> None:
    received = copied(message)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(received) - 1))
        frame = bytearray(received[place])
        at = data.draw(st.integers(0, len(frame)))
        damage: Callable[[], None] = data.draw(
            st.sampled_from(
                [
                    lambda frame=frame, at=at: frame.__setitem__(
                        slice(at, at + 1), bytes([data.draw(st.integers(0, 255))])
                    ),
                    lambda frame=frame, at=at: frame.__delitem__(slice(at, None)),
                    lambda frame=frame, at=at: frame.__setitem__(
                        slice(at, at), data.draw(st.binary(min_size=1, max_size=5))
                    ),
                ]
            )
        )
        damage()
        received[place] = bytes(frame)
        if data.draw(st.booleans()):
            received.insert(place, received[data.draw(st.integers(0, len(received) - 1))])
    assert_message_or_protocol_error(received)


@pytest.mark.parametrize("count", range(4))
def test_message_that_lost_frames_is_a_protocol_error(count: int) -> None:
    received = copied(Result("1", "g", [np.zeros(2), np.zeros(2)]))
    assert len(received) == 4
    with pytest.raises(ProtocolError):
        frames.decode(received[:count])


def test_message_with_superfluous_frame_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="no array refers to"):
        frames.decode([*copied(COMMAND), b""])


@pytest.mark.parametrize(
    "received",
    [
        [PREAMBLE, msgpack.packb(None)],
        [PREAMBLE, msgpack.packb({})],
        *(
            header("command", "1", action.value, "x", [], {}, False, False, "", "", True, "", False)
            for action in sorted(BETWEEN_RANKS, key=str)
        ),
        *(header(*fields) for fields in HEADERS),
    ],
    ids=lambda received: repr(msgpack.unpackb(received[1])),
)
def test_header_of_the_wrong_form_is_a_protocol_error(received: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        frames.decode(received)


@pytest.mark.parametrize("preamble", [b"", b"NESTD", b"nestd\x01", b"NESTD\x01\x01", b"GET / "])
def test_foreign_preamble_is_a_protocol_error(preamble: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a message of nestd's protocol"):
        frames.decode([preamble, *copied(COMMAND)[1:]])


@given(st.integers(0, 255).filter(lambda version: version != WIRE_VERSION), st.binary())
def test_peer_of_another_version_is_told_both_versions_whatever_it_sent(
    version: int, rest: bytes
) -> None:
    with pytest.raises(VersionMismatch) as raised:
        frames.decode([frames.MAGIC + bytes([version]), rest])
    assert f"version {version} " in raised.value.message
    assert f"version {WIRE_VERSION}:" in raised.value.message
    assert "install the same nestd" in raised.value.message


def test_limits_on_frames_and_bytes_hold_for_both_directions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received = copied(COMMAND)
    monkeypatch.setattr(frames, "FRAME_LIMIT", 2)
    with pytest.raises(ProtocolError, match="3 frames, the limit is 2"):
        frames.decode(received)
    with pytest.raises(ProtocolError, match="3 frames, the limit is 2"):
        frames.encode(COMMAND)
    monkeypatch.setattr(frames, "FRAME_LIMIT", 3)
    monkeypatch.setattr(frames, "SIZE_LIMIT_BYTES", sum(map(len, received)) - 1)
    with pytest.raises(ProtocolError, match="bytes in one message"):
        frames.decode(received)
    with pytest.raises(ProtocolError, match="bytes in one message"):
        frames.encode(COMMAND)
    monkeypatch.setattr(frames, "SIZE_LIMIT_BYTES", sum(map(len, received)))
    assert is_same(frames.decode(received), COMMAND)


def nested(depth: int) -> str:
    """JSON text of objects and calls in each other, ``depth`` levels deep."""
    return '{"$call": "a", "args": [' * (depth // 2) + "]}" * (depth // 2)


@pytest.mark.parametrize("text", ["[" * 60 + "]" * 60, nested(60)], ids=["lists", "calls"])
def test_deepest_body_a_caller_may_send_fits_a_command_and_its_answer(text: str) -> None:
    value = json_form.loads(text)
    command = Command("1", Operation(Action.CALL_JSON, "Create", [value], {}))
    frames.decode(copied(command))
    frames.decode(copied(Result("1", "g", Expression("CreateParameter", [value]))))


@pytest.mark.parametrize("depth", [VALUE_NESTING_LIMIT + 1, 100, 5000])
def test_deeper_bodies_are_the_callers_mistake(depth: int) -> None:
    with pytest.raises(MalformedRequest):
        json_form.loads("[" * depth + "]" * depth)


def test_error_keeps_its_facts_across_the_wire() -> None:
    sent = KernelError(
        "UnknownModelName in Create: nope", error_name="UnknownModelName", call="Create", ranks=(1,)
    )
    found = frames.decode(copied(Failure("7", "g", sent)))
    assert isinstance(found, Failure)
    assert type(found.error) is KernelError
    assert str(found.error) == "UnknownModelName in Create: nope"
    assert (found.error.error_name, found.error.call, found.error.ranks) == (
        "UnknownModelName",
        "Create",
        (1,),
    )


@pytest.mark.parametrize(
    "fields",
    [
        ("command", "0" * 70_000, "call_json", "x", [], {}, False, False, "", "", False, "", False),
        (
            "command",
            "1",
            "call_json",
            "x",
            [],
            {},
            False,
            False,
            "",
            "0" * 70_000,
            False,
            "",
            False,
        ),
        ("cancel", "1", "1", "x" * 1001),
        ("watch", "1", [1] * 10_001, False),
        ("event", "x" * 1001, {}),
        ("result", "1", "x" * 1001, None),
        ("failure", "1", "x" * 1001, {"kind": "kernel", "message": "m"}),
    ],
)
def test_long_texts_are_refused_with_a_short_error(fields: tuple[Any, ...]) -> None:
    with pytest.raises(ProtocolError) as raised:
        frames.decode(header(*fields))
    assert len(str(raised.value)) < 300


def test_messages_of_others_hold_so_many_containers_and_those_of_ours_any() -> None:
    flags = [False, False, "", "", False, "", False]
    fields = ["1", "call_json", "x", [[[]] * CONTAINER_LIMIT], {}, *flags]
    received = header("command", *fields)
    with pytest.raises(ProtocolError, match=str(CONTAINER_LIMIT)):
        frames.decode(received, bounded=True)
    frames.decode(received)
    fields[3] = [[[]] * (CONTAINER_LIMIT // 2)]
    frames.decode(header("command", *fields), bounded=True)


def test_message_without_memory_for_it_is_a_protocol_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(frames, "from_fields", no_memory)
    with pytest.raises(ProtocolError, match="no memory"):
        frames.decode(copied(COMMAND))
