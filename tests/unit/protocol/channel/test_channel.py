"""The gateway's end of ZeroMQ; the kernel here is a socket of the test's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq

from protocol.channel.channel import Channel
from protocol.errors import KernelUnavailable
from tests.unit.kernels import KERNEL

DEADLINE_MS = 30_000


class Kernel:
    """A socket that answers what it is told to."""

    def __init__(self, path: Path) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.linger = 1000
        self.socket.bind(f"ipc://{path}")
        self.info = replace(KERNEL, command_endpoint=f"ipc://{path}")

    def answer_and_end(self) -> None:
        """Answer one command, and end at once."""
        assert self.socket.poll(DEADLINE_MS)
        sender, command = self.socket.recv_multipart()
        self.socket.send_multipart([sender, b"answer to " + command])
        self.end()

    def end(self) -> None:
        """Close the socket, when what was sent is on its way."""
        self.socket.close()
        self._context.term()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with tempfile.TemporaryDirectory(prefix="nestd-t-") as directory:
        found = Kernel(Path(directory) / "kernel.sock")
        yield found
        found.end()


@pytest.fixture
def channel(kernel: Kernel) -> Iterator[Channel]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    found = Channel(context, kernel.info)
    yield found
    found.close()
    context.term()


def await_end(channel: Channel) -> None:
    """Return when the channel could know of the kernel's end."""
    assert channel._monitor.poll(DEADLINE_MS)


def test_answer_counts_although_the_kernel_has_ended_since(
    kernel: Kernel, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = channel.send

    def send_and_be_slow(command: list[Any]) -> None:
        send(command)
        kernel.answer_and_end()
        await_end(channel)

    monkeypatch.setattr(channel, "send", send_and_be_slow)
    received = channel.exchange([b"command"], None, lambda: None)
    assert received is not None
    assert [bytes(part) for part in received] == [b"answer to command"]


def test_kernel_that_ends_without_an_answer_gives_none(
    kernel: Kernel, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = channel.send

    def send_to_the_dying(command: list[Any]) -> None:
        send(command)
        kernel.end()

    monkeypatch.setattr(channel, "send", send_to_the_dying)
    assert channel.exchange([b"command"], None, lambda: None) is None


def test_nothing_is_sent_to_a_kernel_that_has_ended(kernel: Kernel, channel: Channel) -> None:
    kernel.end()
    await_end(channel)
    with pytest.raises(KernelUnavailable, match="kernel 0a1b2c3d has just ended"):
        channel.send([b"command"])
