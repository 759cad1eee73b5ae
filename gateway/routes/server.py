"""Addresses of the server: ``/``, ``/healthz``, ``/readyz``, ``/metrics``, ``DELETE /kernel``."""

from __future__ import annotations

import signal
from typing import Any

from flask import Blueprint, Response, request

from gateway.http.replies import json_reply
from gateway.openapi.decorate import HTML, JSON, an_object, described, or_null
from gateway.routes.pages import page, wants_page
from gateway.services import services
from protocol.errors import KernelUnavailable, Refused, Unavailable
from protocol.process.identity import signal_process
from protocol.process.polling import poll_until
from protocol.runtime.connection_file import ConnectionInfo
from protocol.version import SERVER_VERSION

server = Blueprint("server", __name__)

_TEXT = {"type": "string"}
_BYTES = {"type": "integer", "minimum": 0}

#: How long a kernel that is to be restarted may take to end by itself.
_KERNEL_GRACE_S = 2.0
_KERNEL_END_S = 10.0


@server.get("/")
@described(
    "Server",
    reply={
        JSON: an_object(
            {
                "nest": or_null("string"),
                "mpi": {"type": "boolean"},
                "server": _TEXT,
                "state": {"enum": ["starting", "idle", "busy", "stopping"]},
                "waiting": {"type": "integer", "minimum": 0},
                "awaited": {
                    "type": "array",
                    "items": an_object(
                        {
                            "rank": {"type": "integer"},
                            "since": {"type": "string", "format": "date-time"},
                            "stopped": {"type": "boolean"},
                        }
                    ),
                },
                "ranks": or_null("integer"),
                "generation": or_null("string"),
                "started": or_null("string"),
                "scripts": or_null("string"),
                "refused_connections": {"type": "integer", "minimum": 0},
                "desktop": {"type": "boolean"},
                "files": {
                    "type": ["object", "null"],
                    "properties": {"total": _BYTES, "quota": _BYTES},
                    "required": ["total", "quota"],
                },
            }
        ),
        HTML: {"type": "string"},
    },
    errors=(503,),
)
def index() -> Response:
    """Show what runs here: a page for people, JSON for programs.

    The reply needs no answer of the kernel, so it is fast also during a run.
    """
    if wants_page():
        return page()
    kernel = services().kernel
    info, status = kernel.status.info(), kernel.status.read()
    waiting = len(kernel.requests) + len(status.direct)
    awaited = kernel.status.awaited_ranks()
    state = "starting" if info is None else "busy" if waiting or awaited else "idle"
    if status.stopping:
        state = "stopping"
    body: dict[str, Any] = {
        "nest": info.nest if info else None,
        "mpi": info.mpi if info else False,
        "server": SERVER_VERSION,
        "state": state,
        "waiting": waiting,
        "awaited": awaited,
        "ranks": info.ranks if info else None,
        "generation": info.generation if info else None,
        "started": info.started if info else None,
        "scripts": _scripts(info),
        "refused_connections": kernel.status.rejected_connections().total,
        "desktop": services().settings.desktop is not None,
        "files": _room_for_files(),
    }
    return json_reply(body)


def _room_for_files() -> dict[str, int] | None:
    """Return the bytes that files have and may have; ``None`` if their directory is not here."""
    directory = services().settings.data
    try:
        total = directory.used_bytes()
        return {"total": total, "quota": directory.limit_bytes(total)}
    except Unavailable:
        return None


def _scripts(info: ConnectionInfo | None) -> str | None:
    """Return how scripts are confined, for a person."""
    refused = services().settings.scripts_refused
    return f"off: {refused}" if refused else info.scripts if info else None


@server.get("/healthz")
@described("Server", reply={JSON: an_object({"alive": {"const": True}})}, open_to_all=True)
def healthz() -> Response:
    """Confirm that the gateway is alive."""
    return json_reply({"alive": True})


@server.get("/readyz")
@described(
    "Server",
    reply={JSON: an_object({"ready": {"const": True}, "generation": _TEXT})},
    errors=(503,),
)
def readyz() -> Response:
    """Confirm that there is a kernel that takes commands, now or after the present one."""
    info = services().kernel.check()
    services().kernel.status.refuse_if_stopping()
    return json_reply({"ready": True, "generation": info.generation})


@server.get("/metrics")
@described("Server", reply={"text/plain": _TEXT, "application/openmetrics-text": _TEXT})
def metrics() -> Response:
    """Show measurements, for Prometheus."""
    text, media_type = services().metrics.text(request.headers.get("Accept", ""))
    return Response(text, content_type=media_type)


@server.delete("/kernel")
@described("Server", reply={JSON: an_object({"ended": {"type": "string"}})}, errors=(503,))
def restart() -> Response:
    """End the kernel, whatever it executes; a new one with an empty network follows."""
    info = services().kernel.status.info()
    if info is not None and not info.is_local:
        raise Refused(
            f"the kernel runs on another host, {info.host}, as a job of its own: end that job there"
        )
    if info is None or not info.process.is_running():
        raise KernelUnavailable("there is no kernel to end; one is starting", retry_after_s=1)
    local = [rank.process for rank in info.processes if rank.host == info.host]

    def has_ended() -> bool:
        return not any(process.is_running() for process in local)

    for sig, deadline_s in ((signal.SIGTERM, _KERNEL_GRACE_S), (signal.SIGKILL, _KERNEL_END_S)):
        for process in local:
            signal_process(process, sig)
        if poll_until(has_ended, deadline_s):
            break
    return json_reply({"ended": info.generation})
