"""Replies to what the kernel is asked for: its result, or the job that will have it."""

from __future__ import annotations

import re
from dataclasses import replace

from flask import Response, request

from gateway.http.delivery import read_delivery
from gateway.http.replies import AS_JSON, answer_reply, json_reply
from gateway.kernel.client_disconnect import ClientDisconnect
from gateway.kernel.pending import label_of
from gateway.server.environ import SOCKET_KEY
from gateway.services import services
from protocol.errors import Diverged, KernelLost
from protocol.logging import context
from protocol.wire.messages import Batch, Command, Failure, Operation, Script, Task, required_result

#: Path of a proxy, which is no address of another host.
_PATH = re.compile(r"(?:/[\w.~%@:-]+)+")

#: Statuses of errors of what the kernel is asked for.
KERNEL_ERRORS = (400, 413, 503)


def answer(
    work: Operation | list[Operation] | Script, form: str, unmerged: bool = False
) -> Response:
    """Have the kernel do ``work``; return the reply with the result, or with its job.

    Parameters
    ----------
    work : an operation, several for one batch, or a script
    form : of the reply; callers that take MessagePack get kernel objects as references
    unmerged : whether the answer to an operation is every rank's own
    """
    parts = services()
    jobs = parts.jobs
    delivery = read_delivery(request, jobs.name_of)
    task = _task(work, delivery.id, form != AS_JSON, unmerged)
    if not delivery.is_job:
        if delivery.is_named:
            jobs.refuse_kept(task.id)
        try:
            result = parts.kernel.ask(task, _caller(parts.settings.hangup_s))
        except (KernelLost, Diverged) as error:
            # A kernel that has ended publishes nothing any more.
            failure = Failure(task.id, "", error)
            parts.events.publish_end(task.id, label_of(task), failure)
            raise
        return answer_reply(result, form)
    job = jobs.submit(task, form, delivery.has_key)
    if delivery.is_async:
        reply = json_reply(jobs.accepted_view(job), 202)
        reply.headers["Location"] = f"{_prefix()}/jobs/{job.id}"
        reply.headers["Preference-Applied"] = "respond-async"
        return reply
    return answer_reply(required_result(jobs.wait(job)), form)


def _task(
    work: Operation | list[Operation] | Script, id: str, references: bool, unmerged: bool
) -> Task:
    origin = context.current_request()
    if isinstance(work, Operation):
        return Command(id, work, references, unmerged, origin)
    if isinstance(work, Script):
        return replace(work, id=id, context=origin)
    return Batch(id, work, references, origin)


def _prefix() -> str:
    """Return the path under which a proxy serves this server; empty if none says so.

    Jupyter's proxy and others say it in this header. Whoever else does sees the reply alone.
    """
    given = request.headers.get("X-Forwarded-Prefix", "").rstrip("/")
    return given if _PATH.fullmatch(given) else ""


def _caller(grace_s: float | None) -> ClientDisconnect | None:
    """Return the caller, if the server shows the connection and a hang-up matters."""
    connection = request.environ.get(SOCKET_KEY)
    if grace_s is None or connection is None:
        return None
    return ClientDisconnect(connection, grace_s)
