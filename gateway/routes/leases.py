"""Address of clients that hold kernel objects: ``/clients/<client>``."""

from __future__ import annotations

from flask import Blueprint, Response

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
    return json_reply(None)


def _checked(client: str) -> str:
    if not CLIENT_ID.fullmatch(client):
        raise MalformedRequest("a client's name is 1 to 64 of the characters A-Z a-z 0-9 . _ -")
    return client
