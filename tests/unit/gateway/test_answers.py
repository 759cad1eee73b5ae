"""Requests for the kernel on their way through the routes; the kernel is a fake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.app import create_app
from gateway.jobs.reconciler import JobReconciler
from gateway.services import EXTENSION, Services
from gateway.settings import MIB, JobLimits
from protocol.errors import MalformedRequest
from protocol.wire.messages import Action, Batch, Command, Failure, Operation, Result, Script
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker
from protocol.wire.values import Reference
from tests.unit.gateway.fakes import GENERATION, JobsUnderTest, gateway_settings, jobs_under_test
from tests.unit.gateway.requests import MSGPACK

LIMITS = JobLimits(10, MIB, 3600.0)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobsUnderTest:
    monkeypatch.setattr(JobReconciler, "watch", lambda self: None)
    return jobs_under_test(tmp_path, LIMITS)


@pytest.fixture
def client(made: JobsUnderTest, tmp_path: Path) -> Iterator[FlaskClient]:
    app = create_app(gateway_settings(tmp_path, LIMITS))
    services: Services = app.extensions[EXTENSION]
    kernel: Any = made.kernel
    app.extensions[EXTENSION] = replace(services, kernel=kernel, jobs=made.jobs)
    yield app.test_client()
    services.kernel.close()


def test_answer_has_the_form_that_the_caller_accepts(
    client: FlaskClient, made: JobsUnderTest
) -> None:
    reply = client.post("/api/Create", json=["x"])
    assert (reply.status_code, reply.json) == (200, "Create")
    assert reply.headers["NEST-Kernel-Generation"] == GENERATION
    reply = client.post("/api/Create", json=["x"], headers={"Accept": MSGPACK})
    assert Unpacker().unpack(reply.data) == Reference("Call", 1, GENERATION)
    commands = [task for task in made.kernel.sent if isinstance(task, Command)]
    assert [command.operation for command in commands] == [
        Operation(Action.CALL_JSON, "Create", ["x"])
    ] * 2
    assert [command.references for command in commands] == [False, True]


def test_each_address_makes_its_task(client: FlaskClient, made: JobsUnderTest) -> None:
    call = ["call_pynest", "Create", ["x"], {}]
    client.post("/api/Simulate?ranks=all", json={})
    client.post("/batch", json=[{"call": "Prepare"}])
    client.post("/exec", json={"source": "x = 1", "return": "x"})
    client.post("/release", json=[{"$ref": 1, "type": "Mask", "generation": GENERATION}])
    for body in (call, [call]):
        client.post("/operation", data=Packer().pack(body), content_type=MSGPACK)
    unmerged, batch, script, release, operation, operations = made.kernel.sent
    assert isinstance(unmerged, Command)
    assert unmerged.unmerged
    assert isinstance(batch, Batch)
    assert isinstance(script, Script)
    assert (script.source, script.returns) == ("x = 1", "x")
    assert isinstance(release, Command)
    assert release.operation.action is Action.RELEASE
    assert isinstance(operation, Command)
    assert isinstance(operations, Batch)
    assert operations.operations == [operation.operation]
    assert operation.references
    assert operations.references
    names = [task.id for task in made.kernel.sent]  # type: ignore[union-attr]
    assert len(set(names)) == 6


def test_caller_who_does_not_wait_gets_a_job_and_later_its_result(
    client: FlaskClient, made: JobsUnderTest
) -> None:
    reply = client.post("/api/Create", json=["x"], headers={"Prefer": "respond-async"})
    job = made.spool.jobs()[0]
    address = f"/jobs/{job.id}"
    assert (reply.status_code, reply.headers["Location"]) == (202, address)
    assert reply.headers["Preference-Applied"] == "respond-async"
    assert client.get(address).json == reply.json
    assert client.get(f"{address}/result").status_code == 202
    assert job.take(GENERATION)
    job.print(b"one\n")
    job.end(Result(job.id, GENERATION, [1, 2]))
    result = client.get(f"{address}/result")
    assert (result.status_code, result.json) == (200, [1, 2])
    assert client.get(f"{address}/output").data == b"one\n"
    assert [view["state"] for view in client.get("/jobs").json or []] == ["done"]


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        ("/user/me/proxy/52425", "/user/me/proxy/52425"),
        ("/a/", "/a"),
        ("", ""),
        ("//other.example", ""),
        ("https://other.example", ""),
    ],
)
def test_address_of_a_job_has_the_prefix_of_a_proxy(
    client: FlaskClient, prefix: str, path: str
) -> None:
    headers = {"Prefer": "respond-async", "X-Forwarded-Prefix": prefix}
    reply = client.post("/api/Create", json=["x"], headers=headers)
    assert reply.headers["Location"] == f"{path}/jobs/{(reply.json or {})['id']}"


def test_caller_who_waits_with_a_key_gets_the_answer_of_the_job(
    client: FlaskClient, made: JobsUnderTest
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    client.post("/api/Create?async=1", json=["x"], headers=headers)
    (job,) = made.spool.jobs()
    assert job.take(GENERATION)
    job.end(Result(job.id, GENERATION, [1]))
    for _ in range(2):
        assert client.post("/api/Create", json=["x"], headers=headers).json == [1]
    reply = client.post("/api/Create", json=["y"], headers=headers)
    assert reply.status_code == 400


@pytest.mark.parametrize("path", ["/api/fail", "/operation"])
def test_error_is_a_reply_also_when_it_is_fetched_later(
    client: FlaskClient, made: JobsUnderTest, path: str
) -> None:
    kind = MSGPACK if path == "/operation" else "application/json"
    body = Packer().pack(["get", "fail", [], {}]) if kind == MSGPACK else b"[]"
    at_once = client.post(path, data=body, content_type=kind)
    assert (at_once.status_code, at_once.mimetype) == (400, kind)
    client.post(f"{path}?async=1", data=body, content_type=kind)
    (job,) = made.spool.jobs()
    job.end(Failure(job.id, GENERATION, MalformedRequest("no such call")))
    later = client.get(f"/jobs/{job.id}/result")
    assert (later.status_code, later.data) == (400, at_once.data)


def test_name_of_a_kept_job_is_refused_to_a_request(
    client: FlaskClient, made: JobsUnderTest
) -> None:
    client.post("/api/Create?async=1", json=["x"])
    (job,) = made.spool.jobs()
    reply = client.post("/api/Create", json=["x"], headers={"X-Job-ID": job.id})
    assert reply.status_code == 400
    assert client.post("/api/Create", json=["x"], headers={"X-Job-ID": "a" * 8}).status_code == 200
    assert [task.id for task in made.kernel.sent[1:]] == ["a" * 8]  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["/jobs/nonesuch", "/jobs/nonesuch/result", "/jobs/..%2Ftoken"])
def test_unknown_job_is_404(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_cancelled_job_is_202_until_it_has_ended(client: FlaskClient, made: JobsUnderTest) -> None:
    for take in (False, True):
        client.post("/api/Create?async=1", json=["x"])
        job = made.spool.jobs()[-1]
        if take:
            assert job.take(GENERATION)
        reply = client.delete(f"/jobs/{job.id}")
        assert (reply.status_code, (reply.json or {})["state"]) == (
            (202, "running") if take else (200, "cancelled")
        )
