"""Addresses of events: ``/events``, ``/recorders``."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.http.replies import json_reply
from gateway.openapi.decorate import JSON, an_object, described
from gateway.services import services
from protocol.errors import MalformedRequest

events = Blueprint("events", __name__)


@events.get("/recorders")
@described(
    "Jobs",
    reply={
        JSON: {
            "type": "array",
            "items": an_object(
                {
                    "first": {"type": "integer"},
                    "last": {"type": "integer"},
                    "model": {"type": "string"},
                }
            ),
        }
    },
    errors=(503,),
)
def recorders() -> Response:
    """List the recorders of the network, whose events can be followed, as ranges of ids.

    The reply waits for no simulation and no script; it is a 503 during a call that can't be
    interrupted.
    """
    names = ("first", "last", "model")
    ranges = services().kernel.recorders()
    return json_reply([dict(zip(names, fields, strict=True)) for fields in ranges])


@events.get("/events")
@described(
    "Jobs",
    reply={"text/event-stream": {"type": "string"}},
    query={
        "job": {"type": "string"},
        "recorder": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "last_event_id": {"type": "string"},
    },
    errors=(400, 503),
)
def stream() -> Response:
    """Stream events, as server-sent events.

    With ``?job=``, those of one job; with ``?recorder=``, which may be repeated, also spikes.
    """
    ids = request.args.getlist("recorder")
    if not all(id.isdecimal() and 0 < int(id) < 2**31 for id in ids):
        raise MalformedRequest("recorder must be the id of a node")
    readers = services().readers
    readers.admit()
    last_id = request.headers.get("Last-Event-ID") or request.args.get("last_event_id")
    recorders = [int(id) for id in ids]
    parts = services().events.stream(request.args.get("job"), recorders, last_id)
    reply = Response(parts, mimetype="text/event-stream")
    reply.call_on_close(readers.release)
    # Otherwise nginx would wait for more.
    reply.headers["X-Accel-Buffering"] = "no"
    return reply
