"""What becomes of jobs that somebody has taken for lost."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.jobs.reconciler import JobReconciler
from gateway.kernel import exit_reason
from gateway.kernel.client import KernelClient
from protocol.errors import KernelLost, KernelUnavailable
from protocol.runtime import connection_file
from protocol.runtime.job_store import Spool
from protocol.runtime.stored_job import LOST, Facts, StoredJob
from protocol.security.curve_keys import new_keys
from protocol.wire.messages import Action, Command, Failure, Operation
from tests.unit.kernels import KERNEL, kernel_in

GENERATION = "0a1b2c3d"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[KernelClient]:
    """To a kernel that is there: this process."""
    info = kernel_in(
        generation=GENERATION,
        command_endpoint=f"ipc://{tmp_path}/kernel.sock",
        events_endpoint=f"ipc://{tmp_path}/events.sock",
    )
    connection_file.write(tmp_path / "connection.json", info)
    made = KernelClient(tmp_path / "connection.json", tmp_path / "exit.json", 4)
    yield made
    made.close()


@pytest.fixture
def job(tmp_path: Path) -> StoredJob:
    operation = Operation(Action.CALL_JSON, "Simulate", [1.0])
    facts = Facts("job", "Simulate", 0.0, GENERATION, "json")
    return Spool(tmp_path / "jobs").add(facts, Command("job", operation))[0]


def test_kernel_that_turns_a_job_away_says_why(
    connection: KernelClient, job: StoredJob, tmp_path: Path
) -> None:
    settling = JobReconciler(connection, Spool(tmp_path / "jobs"))
    assert job.take(LOST)
    # Between its claim and its answer.
    assert settling.answer(job) is None
    job.end(Failure(job.id, GENERATION, KernelUnavailable("the server stops")))
    answer = settling.answer(job)
    assert isinstance(answer, Failure)
    assert isinstance(answer.error, KernelUnavailable)


def test_job_ends_that_was_taken_for_lost_by_who_has_said_nothing(
    connection: KernelClient, job: StoredJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exit_reason, "EXIT_NOTE_DEADLINE_S", 0.0)
    settling = JobReconciler(connection, Spool(tmp_path / "jobs"))
    (job.path / "claim").write_text(json.dumps({"by": LOST, "at_s": 1.0}))
    answer = settling.answer(job)
    assert isinstance(answer, Failure)
    assert isinstance(answer.error, KernelLost)
    # It has never begun.
    assert "during the wait of Simulate" in answer.error.message


def test_job_ends_whose_kernel_on_another_host_has_ended_without_a_word(
    job: StoredJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exit_reason, "EXIT_NOTE_DEADLINE_S", 0.0)
    # Its port is one that nobody listens on any more.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    info = replace(
        KERNEL,
        generation=GENERATION,
        host="elsewhere.invalid",
        command_endpoint=f"tcp://127.0.0.1:{port}",
        public_key=new_keys().public,
    )
    connection_file.write(tmp_path / "connection.json", info)
    to_kernel = KernelClient(tmp_path / "connection.json", tmp_path / "exit.json", 4)
    try:
        assert job.take(GENERATION)
        answer = JobReconciler(to_kernel, Spool(tmp_path / "jobs")).answer(job)
    finally:
        to_kernel.close()
    assert isinstance(answer, Failure)
    assert isinstance(answer.error, KernelLost)
