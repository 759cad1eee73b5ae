"""Rank 0 and its file broker: what is asked, what a signal interrupts, and what ends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nestd.broker.packets import PART_BYTES, PacketKind, values_of
from protocol.errors import (
    ConfigurationError,
    InternalError,
    KernelLost,
    ProtocolError,
    Unavailable,
)
from protocol.runtime import connection_file
from protocol.runtime.job_store import Spool, new_name
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.stored_job import CANCELLED, Facts, StoredJob
from protocol.wire.messages import Action, Command, Failure, Operation, Result
from tests.unit.broker.harness import BrokerInThread
from tests.unit.kernels import kernel_in


class Interrupted(Exception):
    """Stands for what a signal handler raises."""


@pytest.fixture
def files(tmp_path: Path) -> RuntimeDirectory:
    return RuntimeDirectory(tmp_path)


@pytest.fixture
def broker(files: RuntimeDirectory) -> Iterator[BrokerInThread]:
    made = BrokerInThread(files, "g1")
    yield made
    made.close()


def break_off(*_: Any) -> None:
    """End the file broker in the middle of a request."""
    raise BrokenPipeError


def add(files: RuntimeDirectory, generation: str = "g1", *arguments: Any) -> StoredJob:
    name = new_name()
    facts = Facts(name, "Create", time.time(), generation, "json")
    command = Command(name, Operation(Action.CALL_JSON, "Create", list(arguments)))
    return Spool(files.jobs).add(facts, command)[0]


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, 3 * PART_BYTES + 1])
def test_job_is_worked_on_from_its_request_to_its_result(
    files: RuntimeDirectory, broker: BrokerInThread, size: int
) -> None:
    stored = add(files, "g1", np.arange(size, dtype=np.uint8))
    job = broker.client.find(stored.id)
    assert job is not None
    request = job.request()
    assert isinstance(request, Command)
    assert list(request.operation.args[0]) == list(np.arange(size, dtype=np.uint8))
    assert job.take("g1") == (True, None)
    assert stored.claim is not None
    job.print(b"o" * size)
    answer = Result(stored.id, "g1", np.arange(size, dtype=np.uint8))
    assert job.end(answer) is None
    kept = stored.answer()
    assert isinstance(kept, Result)
    assert list(kept.value) == list(answer.value)
    assert stored.output() == b"o" * size
    # The answer is never replaced, and what has ended is nobody's any more.
    assert job.end(Failure(stored.id, "g1", InternalError("late"))) is None
    assert isinstance(stored.answer(), Result)
    job.print(b"late")
    assert job.take("g1")[0] is False
    assert stored.output() == b"o" * size
    assert broker.client.find(stored.id) is None


def test_only_open_jobs_of_this_kernel_are_shown(
    files: RuntimeDirectory, broker: BrokerInThread
) -> None:
    foreign, claimed, damaged = add(files, "g0"), add(files), add(files)
    assert claimed.take(CANCELLED)
    (damaged.path / "request").unlink()
    with pytest.raises(KernelLost, match="accepted for kernel g0"):
        broker.client.find(foreign.id)
    for unknown in ("missing000", "../token", "x" * 100):
        with pytest.raises(ProtocolError, match="no job"):
            broker.client.find(unknown)
    with pytest.raises(ProtocolError, match="limit"):
        broker.client.find("x" * (PART_BYTES + 1))
    assert broker.client.find(claimed.id) is None
    job = broker.client.find(damaged.id)
    assert job is not None
    with pytest.raises(InternalError, match="can't be read"):
        job.request()
    # What rank 0 was not told of it can't touch.
    for stored in (foreign, claimed):
        assert broker.client.claim(stored.id, "g1")[0] is False
        with pytest.raises(FileExistsError):
            broker.client.write_result(stored.id, [b"forged"])
        broker.client.note(stored.id, "internal_error", "forged")
        broker.client.print(stored.id, b"forged")
    broker.client.await_ready()
    for stored in (foreign, claimed):
        assert (stored.answer(), stored.output()) == (None, b"")


def test_job_that_another_has_taken_meanwhile_is_left_alone(
    files: RuntimeDirectory, broker: BrokerInThread
) -> None:
    stored = add(files)
    job = broker.client.find(stored.id)
    assert job is not None
    assert stored.take(CANCELLED)
    assert job.take("g1") == (False, None)
    job.end(Result(stored.id, "g1", 1))
    assert stored.answer() is None


def test_connection_file_is_written(files: RuntimeDirectory, broker: BrokerInThread) -> None:
    info = kernel_in(generation="g1")
    broker.client.connect(info)
    assert connection_file.read(files.connection_file) == info
    assert files.connection_file.stat().st_mode & 0o777 == 0o600


def test_connection_file_is_written_once(files: RuntimeDirectory, broker: BrokerInThread) -> None:
    """Code in the kernel comes later: gateways signal the processes that the file names."""
    info = kernel_in(generation="g1")
    broker.client.connect(info)
    with pytest.raises(ConfigurationError, match="written already"):
        broker.client.connect(replace(info, pid=1, command_endpoint="ipc:///elsewhere"))
    assert connection_file.read(files.connection_file) == info


def test_connection_file_that_can_not_be_written_is_told(
    files: RuntimeDirectory, broker: BrokerInThread
) -> None:
    files.connection_file.mkdir()
    with pytest.raises(ConfigurationError, match="connection file can't be written"):
        broker.client.connect(kernel_in(generation="g1"))


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_answer_that_a_signal_has_interrupted_is_given_anew(
    files: RuntimeDirectory,
    broker: BrokerInThread,
    monkeypatch: pytest.MonkeyPatch,
    parts: int,
) -> None:
    stored = add(files)
    job = broker.client.find(stored.id)
    assert job is not None
    assert job.take("g1")[0]
    large = np.arange(5 * PART_BYTES, dtype=np.uint8)
    send_parts = broker.ours.send_parts

    def interrupted(number: int, buffers: Any) -> None:
        send_parts(number, [b"".join(map(bytes, buffers))[: parts * PART_BYTES]])
        raise Interrupted

    monkeypatch.setattr(broker.ours, "send_parts", interrupted)
    with pytest.raises(Interrupted):
        job.end(Result(stored.id, "g1", large))
    monkeypatch.undo()
    assert stored.answer() is None
    error = KernelLost("stopped")
    assert job.end(Failure(stored.id, "g1", error)) is None
    answer = stored.answer()
    assert isinstance(answer, Failure)
    assert answer.error.message == "stopped"
    assert [path.name for path in stored.path.iterdir() if path.name.startswith("tmp")] == []


def test_answers_that_a_signal_has_kept_from_being_heard_are_passed_over(
    files: RuntimeDirectory, broker: BrokerInThread
) -> None:
    stored = add(files, "g1", np.zeros(5 * PART_BYTES, dtype=np.uint8))
    for _ in range(3):
        # As if each had been interrupted after it was sent.
        broker.client._send(PacketKind.FIND, stored.id)
    job = broker.client.find(stored.id)
    assert job is not None
    assert isinstance(job.request(), Command)
    assert job.take("g1") == (True, None)


@pytest.mark.parametrize("is_silent", [False, True])
def test_end_of_the_file_broker_is_told_and_leaves_the_rest(
    files: RuntimeDirectory, broker: BrokerInThread, is_silent: bool, caplog: Any
) -> None:
    stored = add(files)
    job = broker.client.find(stored.id)
    assert job is not None
    assert broker.client.end == ""
    if is_silent:
        # One that does not answer is ended.
        broker.server._handlers[PacketKind.CLAIM] = lambda *_: None
        broker.ours.limit_waits(0.05)
        how = "has not answered for 60 s and was killed"
    else:
        broker.process.status = -9
        broker.server._handlers[PacketKind.CLAIM] = break_off
        how = "has ended with signal 9 (SIGKILL)"
    is_claimed, problem = job.take("g1")
    said = f"the kernel's file broker (process 4711), which keeps jobs, {how}"
    assert (is_claimed, problem, broker.client.end) == (True, said, said)
    assert broker.process.status == -9
    job.print(b"lost")
    lost = job.end(Result(stored.id, "g1", 1))
    assert isinstance(lost, InternalError)
    assert lost.message == f"it was executed, but its result can't be kept: {said}"
    with pytest.raises(Unavailable, match="file broker"):
        broker.client.find(stored.id)
    with pytest.raises(ConfigurationError, match="file broker"):
        broker.client.await_ready()
    with pytest.raises(ConfigurationError, match="file broker"):
        broker.client.connect(kernel_in())
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_end_of_the_file_broker_is_noticed_without_a_job(broker: BrokerInThread) -> None:
    broker.process.status = 1
    assert broker.client.end.endswith("has ended with exit code 1")


@pytest.mark.parametrize("content", [b"\xc1", b"\x01", b"\x80", json.dumps([1]).encode()])
def test_content_that_is_no_list_is_refused(content: bytes) -> None:
    with pytest.raises(ProtocolError):
        values_of(memoryview(content))
