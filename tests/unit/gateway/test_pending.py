"""Requests whose callers wait: counted, named, and listed as long as the kernel may have them."""

from __future__ import annotations

import pytest

from gateway.kernel.pending import PendingRequest, PendingRequests, label_of
from protocol.errors import MalformedRequest, QueueFull
from protocol.runtime.status_file import Status
from protocol.wire.messages import Action, Batch, Command, Operation, Script, Task

GENERATION = "0a1b2c3d"


def pending(id: str) -> PendingRequest:
    return PendingRequest(id, "Simulate", 1.0, GENERATION)


@pytest.fixture
def requests() -> PendingRequests:
    return PendingRequests(2)


def listed(requests: PendingRequests, status: Status, generation: str = GENERATION) -> list[str]:
    return [request.id for request in requests.list(generation, status)]


def test_as_many_wait_as_may(requests: PendingRequests) -> None:
    requests.add(pending("a"))
    with pytest.raises(QueueFull, match="2 requests are waiting"):
        requests.refuse_if_full(queued_jobs=1)
    requests.add(pending("b"))
    with pytest.raises(QueueFull):
        requests.add(pending("c"))
    assert listed(requests, Status()) == ["a", "b"]
    requests.remove("a")
    requests.add(pending("c"))
    assert len(requests) == 2


def test_name_is_taken_until_its_request_ends(requests: PendingRequests) -> None:
    requests.add(pending("a"))
    with pytest.raises(MalformedRequest, match="a job a already"):
        requests.add(pending("a"))
    requests.remove("a")
    requests.add(pending("a"))


def test_abandoned_request_is_listed_while_its_kernel_has_it(requests: PendingRequests) -> None:
    for id in ("running", "queued", "done"):
        requests.add(pending(id))
        requests.abandon(id)
        requests.remove(id)
    requests.add(pending("new"))
    status = Status(id="running", queue=["queued"])
    assert listed(requests, status) == ["running", "queued", "new"]
    assert listed(requests, Status(id="queued")) == ["queued", "new"]
    # Another kernel has none of them.
    assert listed(requests, Status(id="queued"), "other") == ["new"]


def test_others_are_what_the_kernel_executes_and_what_clients_have_sent_it_themselves(
    requests: PendingRequests,
) -> None:
    requests.add(pending("own"))
    requests.remove("own")
    # The status file may still name a request that is answered.
    assert requests.of_others(GENERATION, Status(id="own")) == []
    assert requests.of_others(GENERATION, Status()) == []
    assert requests.of_others(None, Status(id="others", direct={"a": "Create"})) == []
    status = Status(id="others", label="Run", since_s=3.0, queue=["a", "b"], direct={"b": "Create"})
    running, waiting = requests.of_others(GENERATION, status)
    assert running == PendingRequest("others", "Run", 3.0, GENERATION)
    assert (waiting.id, waiting.label) == ("b", "Create")
    # It came when it was seen first.
    assert requests.of_others(GENERATION, status)[1] == waiting


@pytest.mark.parametrize(
    ("task", "label"),
    [
        (Command("a", Operation(Action.CALL_JSON, "Create")), "Create"),
        (Command("a", Operation(Action.RELEASE)), "release"),
        (Batch("a", []), "batch"),
        (Script("a", ""), "script"),
    ],
)
def test_task_has_a_label(task: Task, label: str) -> None:
    assert label_of(task) == label
