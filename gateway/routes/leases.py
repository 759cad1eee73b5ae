"""Address of clients that hold kernel objects: ``/clients/<client>``."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.http.bodies import large_body_of
from gateway.http.replies import json_reply
from gateway.openapi.decorate import JSON, an_object, described
from gateway.services import services
from protocol.errors import MalformedRequest
from protocol.logging.context import CLIENT_ID

leases = Blueprint("leases", __name__)

_PATH = {"client": "the name that the client's calls have in the header `X-Client-ID`"}
_RULE = "/clients/<client>"


@leases.put(_RULE)
@described(
    "Our own clients",
    reply={JSON: an_object({"renew_s": {"type": "number"}})},
    path=_PATH,
    errors=(400,),
)
def renew(client: str) -> Response:
    """Tell that a client lives, so that the kernel keeps what it holds.

    The reply says after how many seconds this is to be told again.
    """
    notices = services().leases
    notices.renew(_checked(client))
    return json_reply({"renew_s": notices.renew_s})


@leases.delete(_RULE)
@described("Our own clients", reply={JSON: {"type": "null"}}, path=_PATH, errors=(400,))
def end(client: str) -> Response:
    """Tell that a client has ended, so that the kernel releases what it holds."""
    services().leases.end(_checked(client))
    services().parts.drop(client)
    return json_reply(None)


@leases.put(f"{_RULE}/parts/<id>")
@described(
    "Our own clients",
    reply={JSON: {"type": "null"}},
    path=_PATH | {"id": "a name for the body, that `X-Body-Parts` of its request has"},
    query={
        "size": {"type": "integer", "minimum": 1, "description": "of the body, in bytes"},
        "at": {"type": "integer", "minimum": 0, "description": "place of the part in it"},
    },
    errors=(400, 413, 503),
)
def add_part(client: str, id: str) -> Response:
    """Take the next part of a body that is over the limit of one request.

    A request without a body, and with the name of this one in `X-Body-Parts`, then has it.
    """
    size, at = (request.args.get(name, -1, int) for name in ("size", "at"))
    if size < 0 or at < 0:
        raise MalformedRequest("size and at of a part have to be numbers of bytes")
    services().parts.add(_checked(client), id, size, at, large_body_of(request))
    return json_reply(None)


def _checked(client: str) -> str:
    if not CLIENT_ID.fullmatch(client):
        raise MalformedRequest("a client's name is 1 to 64 of the characters A-Z a-z 0-9 . _ -")
    return client
