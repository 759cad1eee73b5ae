"""What nestd takes from a script's process, which may send and close whatever it likes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from nestd.scripts.process.forked_process import ForkedProcess
from nestd.scripts.script_process import AnswerArrived, OperationAsked, SocketClosed
from protocol.errors import ScriptError
from protocol.wire import frames
from protocol.wire.messages import Action, Command, Failure, Message, Operation, Result, Script
from protocol.wire.streams import PolledStream, WaitingStream


@pytest.fixture
def pair() -> Iterator[tuple[ForkedProcess, socket.socket]]:
    """nestd's ends of a process, and the process's end of the socket."""
    ours, theirs = socket.socketpair()
    output, printing = os.pipe()
    os.set_blocking(output, False)
    process = ForkedProcess(PolledStream(ours), ours, output)
    os.close(printing)
    with theirs:
        yield process, theirs
    process.close()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (Command("", Operation(Action.GET, "resolution")), OperationAsked),
        (Result("", "", {"data": 1}), AnswerArrived),
        # No script's process sends these; the state machine makes an error of them.
        (Script("", "x = 1"), AnswerArrived),
    ],
)
def test_messages_are_events(
    pair: tuple[ForkedProcess, socket.socket], message: Message, kind: type
) -> None:
    process, theirs = pair
    assert process.receive() is None
    WaitingStream(theirs).send(frames.encode(message))
    assert process.receive() == kind(message)


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 16,
        b"\x01\x00\x00\x00" + (1 << 62).to_bytes(8, "little"),
        b"\x01\x00\x00\x00" + (3).to_bytes(8, "little") + b"abc",
        b"\x02\x00\x00\x00" + b"".join(n.to_bytes(8, "little") for n in (6, 1)) + b"NESTD\x00\x90",
    ],
)
def test_what_is_no_message_is_the_scripts_failure(
    pair: tuple[ForkedProcess, socket.socket], sent: bytes
) -> None:
    process, theirs = pair
    theirs.sendall(sent)
    event = process.receive()
    assert isinstance(event, AnswerArrived)
    assert isinstance(event.answer, Failure)
    assert isinstance(event.answer.error, ScriptError)
    assert "sent what is no message" in event.answer.error.message


def test_closed_socket_tells_whether_all_was_read(
    pair: tuple[ForkedProcess, socket.socket],
) -> None:
    process, theirs = pair
    process.send(Script("", "x = 1"))
    theirs.close()
    assert process.receive() == SocketClosed(unread=True)
    # Once it is reset, a socket is at its end.
    assert process.receive() == SocketClosed(unread=False)


def test_output_is_empty_until_there_is_some_and_none_at_its_end(
    pair: tuple[ForkedProcess, socket.socket],
) -> None:
    process, _ = pair
    assert process.read_output() is None
    os.close(process.output)
    process.output, printing = os.pipe()
    os.set_blocking(process.output, False)
    assert process.read_output() == b""
    os.write(printing, b"text")
    assert process.read_output() == b"text"
    os.close(printing)
    assert process.read_output() is None
