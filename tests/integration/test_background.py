"""Jobs of the clients: what the server does while nobody waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

import nest_remote
from nest_remote import NESTServerError
from nest_remote.calls.jobs import Job
from nest_remote.calls.progress import Progress
from NESTServerClient import NESTServerClient
from protocol.process.polling import poll_until
from tests.integration.pending import ENDLESS_MS
from tests.integration.servers import DEADLINE_S, Server


def end_all(server: Server) -> None:
    """End what a test that failed has left running."""
    for job in server.get("/jobs").json():
        if job["state"] in ("queued", "running"):
            server.request("DELETE", f"/jobs/{job['id']}")


@pytest.fixture
def nsc(server: Server) -> Iterator[NESTServerClient]:
    """A client of the shared server, whose network is empty."""
    client = NESTServerClient("127.0.0.1", server.port, server.token)
    yield client
    end_all(server)
    client.close()


@pytest.fixture
def nest(server: Server) -> Iterator[Any]:
    """``nest_remote``, connected to the shared server, whose network is empty."""
    nest_remote.connect(server.url, token=server.token)
    yield nest_remote
    end_all(server)
    nest_remote.disconnect()


def endless(nsc: Any) -> Job:
    """A simulation that runs, and goes on until somebody ends it."""
    nsc.Create("iaf_psc_alpha", params={"I_e": 400.0})
    job: Job = nsc.submit("Simulate", ENDLESS_MS)
    assert poll_until(lambda: job.progress, DEADLINE_S), job.state
    return job


def test_result_is_what_the_call_returns(nsc: NESTServerClient) -> None:
    made = nsc.submit("Create", "iaf_psc_alpha", 3, params={"I_e": 400.0})
    assert made.result().tolist() == [1, 2, 3]
    # The same object again, whose NodeCollection is there once.
    assert made.result() is made.result()
    assert (made.state, made.what, made.output) == ("done", "Create", "")
    run = nsc.submit("Simulate", 100.0)
    assert run.result() is None
    assert nsc.submit("GetStatus", made.result(), "I_e").result() == (400.0, 400.0, 400.0)
    assert nsc.biological_time() == 100.0


def test_result_raises_what_the_call_raises(nsc: NESTServerClient) -> None:
    job = nsc.submit("Create", "no_such_model")
    with pytest.raises(NESTServerError, match="UnknownModelName in Create: no_such") as caught:
        job.result()
    with pytest.raises(NESTServerError) as wanted:
        nsc.Create("no_such_model")
    found, called = caught.value, wanted.value
    assert (found.message, found.error_name, found.status) == (
        called.message,
        called.error_name,
        called.status,
    )
    assert job.state == "failed"


def test_look_alike_gives_and_raises_what_pynest_does(nest: Any) -> None:
    neurons = nest.submit("Create", "iaf_psc_alpha", 4).result()
    assert isinstance(neurons, nest.NodeCollection)
    neurons[1:].set(I_e=300.0)
    assert neurons.I_e == (0.0, 300.0, 300.0, 300.0)
    with pytest.raises(nest.NESTErrors.UnknownModelName, match=r"^no is not a known model name"):
        nest.submit("Create", "no").result()
    with pytest.raises(TypeError, match="Create"):
        nest.submit("Create", "iaf_psc_alpha", params={"I_e": object()})
    parameter = nest.submit("random.uniform", 2.0, 3.0).result()
    assert 2.0 <= parameter.GetValue() <= 3.0


def test_progress_of_a_simulation_that_runs(nsc: NESTServerClient) -> None:
    job = endless(nsc)
    first = job.progress
    assert first is not None
    assert (first.call, first.total_ms, first.until_ms) == ("Simulate", ENDLESS_MS, ENDLESS_MS)
    assert 0.0 < first.fraction < 1.0
    assert first.biological_time_ms == first.done_ms == pytest.approx(first.fraction * ENDLESS_MS)
    done_s = first.done_ms / 1000
    # The time is rounded to milliseconds.
    assert first.real_time_factor == pytest.approx(first.wall_s / done_s, abs=0.001 / done_s)
    assert first.estimated_end is not None
    assert first.estimated_end > datetime.now(timezone.utc)

    def later() -> Progress | None:
        found = job.progress
        return found if found and found.fraction > first.fraction else None

    assert poll_until(later, DEADLINE_S)
    assert job.state == "running"
    job.cancel()


def test_cancelled_job_says_so_and_the_network_goes_on(nsc: NESTServerClient) -> None:
    job = endless(nsc)
    assert not job.wait(0.0)
    with pytest.raises(TimeoutError, match="Simulate has not ended"):
        job.result(timeout=0.1)
    assert job.cancel() == job.state == "cancelled"
    assert job.progress is None
    with pytest.raises(NESTServerError, match="ms of biological time") as caught:
        job.result()
    assert caught.value.error_name == "Cancelled"
    at_ms = nsc.biological_time()
    nsc.Simulate(10.0)
    assert nsc.biological_time() == pytest.approx(at_ms + 10.0)


def test_script_in_the_background(nsc: NESTServerClient) -> None:
    source = "print('begins')\nnest.Create('parrot_neuron')\nnest.Simulate(10.0)\nm = [1, 2.5]"
    job = nsc.submit_script(source, "m")
    assert job.result() == {"data": [1, 2.5], "stdout": "begins\n"}
    assert (job.what, job.output) == ("script", "begins\n")
    failing = nsc.submit_script("print('so far')\n1/0")
    with pytest.raises(NESTServerError, match="ZeroDivisionError at line 2") as caught:
        failing.result()
    assert (caught.value.line, caught.value.output) == (2, "so far\n")
    assert 'File "<script>", line 2' in caught.value.trace


def test_program_in_the_background(nsc: NESTServerClient) -> None:
    source = "import sys\nm = [__file__, sys.argv]\nexit(int(sys.argv[1]))"
    done = nsc.submit_script(source, "m", "mine.py", ["0"])
    assert done.result()["data"] == ["mine.py", ["mine.py", "0"]]
    failing = nsc.submit_script(source, "m", "mine.py", ["3"])
    with pytest.raises(NESTServerError, match="3") as caught:
        failing.result()
    assert caught.value.data == ["mine.py", ["mine.py", "3"]]
    with pytest.raises(NESTServerError) as caught:
        nsc.exec_script(source, "m", "mine.py", ["3"])
    assert caught.value.data == ["mine.py", ["mine.py", "3"]]


def test_another_session_finds_the_job(nsc: NESTServerClient, server: Server) -> None:
    job = endless(nsc)
    after = nsc.submit("Create", "parrot_neuron", 2)
    nsc.close()
    other = NESTServerClient("127.0.0.1", server.port, server.token)
    listed = [one for one in other.jobs() if one.state in ("queued", "running")]
    assert [(one.id, one.what) for one in listed] == [(job.id, "Simulate"), (after.id, "Create")]
    assert listed[0].created <= listed[1].created
    assert other.job(job.id).cancel() == "cancelled"
    assert other.job(after.id).result().tolist() == [2, 3]
    assert repr(other.job(job.id)) == f"<Job {job.id}: Simulate, cancelled>"
    for unknown in ("nonesuch", "../jobs", ""):
        with pytest.raises(NESTServerError) as caught:
            other.job(unknown).wait()
        assert caught.value.status == 404
    other.close()


def test_job_of_a_caller_who_takes_json(nsc: NESTServerClient, server: Server) -> None:
    headers = {"Prefer": "respond-async"}
    made = server.post("/api/Create", ["iaf_psc_alpha", 2], headers=headers).json()
    assert nsc.job(made["id"]).result() == [1, 2]
    failed = server.post("/api/Create", ["no_such_model"], headers=headers).json()
    with pytest.raises(NESTServerError, match="no_such_model"):
        nsc.job(failed["id"]).result()


def test_short_calls_send_one_request_each(server: Server) -> None:
    nsc = NESTServerClient("127.0.0.1", server.port, server.token, progress=True)
    sent: list[str] = []
    send = nsc._transport.connection.send

    def told(method: str, path: str, *rest: Any, **options: Any) -> Any:
        sent.append(f"{method} {path}")
        return send(method, path, *rest, **options)

    nsc._transport.connection.send = told  # type: ignore[method-assign]
    nsc.Create("iaf_psc_alpha")
    nsc.Simulate(1.0)
    nsc.exec_script("nest.Simulate(1.0)")
    assert sent == ["POST /operation", "POST /operation", "POST /exec"]
    nsc.close()


def test_wait_ends_with_the_job(nsc: NESTServerClient) -> None:
    nsc.Create("iaf_psc_alpha")
    began_s = time.monotonic()
    assert nsc.submit("Simulate", 1.0).wait(DEADLINE_S)
    assert time.monotonic() - began_s < 60.0
