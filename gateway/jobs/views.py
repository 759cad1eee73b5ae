"""JSON views of jobs, whether they are kept or their callers wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from gateway.jobs.rules import final_state
from gateway.kernel.pending import PendingRequest
from protocol.runtime.status_file import Status
from protocol.runtime.stored_job import CANCELLED, LOST, Facts, StoredJob
from protocol.wire.messages import Failure, Result

#: Gives the ranks whose answer is awaited.
Awaited = Callable[[], list[dict[str, Any]]]


def job_view(
    job: StoredJob, answer: Result | Failure | None, status: Status, awaited: Awaited
) -> dict[str, Any]:
    """Return the view of a job in the spool.

    Parameters
    ----------
    job : in the spool
    answer : result or error, if the job has ended
    status : of the kernel
    awaited : gives the ranks whose answer is awaited
    """
    facts = job.facts
    view = queued_view(facts)
    claim = job.claim
    if claim is not None and claim.by not in (CANCELLED, LOST):
        view["state"] = "running"
        view["began"] = _iso(claim.at_s)
    if answer is not None:
        view["state"] = final_state(answer)
        if isinstance(answer, Failure):
            view["message"] = answer.error.message
        view["ended"] = _iso(job.ended_s)
        view["result"] = f"/jobs/{facts.id}/result"
    elif status.id == facts.id:
        view |= _progress(status, awaited)
    elif view["state"] == "queued":
        view["position"] = _position(facts.id, status)
    return view


def queued_view(facts: Facts) -> dict[str, Any]:
    """Return the view of a job in the spool that nobody has taken yet."""
    return _view(facts.id, facts.label, facts.created_s, facts.generation, waited_for=False)


def request_view(request: PendingRequest, status: Status, awaited: Awaited) -> dict[str, Any]:
    """Return the view of a request whose caller waits."""
    view = _view(request.id, request.label, request.since_s, request.generation, waited_for=True)
    if status.id == request.id:
        view["state"] = "running"
        view["began"] = _iso(status.since_s)
        view |= _progress(status, awaited)
    else:
        view["position"] = _position(request.id, status)
    return view


def _view(
    id: str, label: str, created_s: float, generation: str, waited_for: bool
) -> dict[str, Any]:
    return {
        "id": id,
        "what": label,
        "state": "queued",
        "created": _iso(created_s),
        "began": None,
        "ended": None,
        "generation": generation,
        "waited_for": waited_for,
    }


def _progress(status: Status, awaited: Awaited) -> dict[str, Any]:
    """Return the keys of a view that show how far the running command is."""
    view: dict[str, Any] = {"wall_s": round(time.time() - status.since_s, 3)}
    if status.call:
        view["call"] = status.call
    if status.ending:
        view["ending"] = True
    view["awaited"] = awaited()
    if status.at_ms is None or status.from_ms is None or status.until_ms is None:
        return view
    if status.at_s is None or status.began_s is None:
        return view
    done_ms, total_ms = status.at_ms - status.from_ms, status.until_ms - status.from_ms
    took_s = max(status.at_s - status.began_s, 1e-6)
    view["progress"] = {
        "biological_time_ms": status.at_ms,
        "done_ms": round(done_ms, 9),
        "total_ms": round(total_ms, 9),
        "fraction": done_ms / total_ms if total_ms else 1.0,
        "wall_s": round(took_s, 3),
        # As NEST defines it: wall-clock time over biological time.
        "real_time_factor": took_s / (done_ms / 1000) if done_ms else None,
        "estimated_end": _iso(status.began_s + took_s * total_ms / done_ms) if done_ms else None,
    }
    return view


def _position(id: str, status: Status) -> int | None:
    """Return the place of a job in the queue, from 1; ``None`` while it is on its way there."""
    try:
        return status.queue.index(id) + 1
    except ValueError:
        return None


def _iso(at_s: float | None) -> str | None:
    if at_s is None:
        return None
    return datetime.fromtimestamp(at_s, timezone.utc).isoformat(timespec="milliseconds")
