"""Address of scripts: ``/exec``."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.http.arguments import read_script
from gateway.http.replies import accepted_form, json_reply
from gateway.openapi.decorate import JSON, MSGPACK, an_object, described
from gateway.routes.answers import KERNEL_ERRORS, answer
from gateway.services import services
from protocol.errors import Refused

scripts = Blueprint("scripts", __name__)

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_ONE_OR_MORE = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}, {"type": "null"}]}


@scripts.route("/exec", methods=["GET", "POST"])
@described(
    "Scripts",
    reply={JSON: {"type": "object", "properties": {"data": {}, "stdout": _TEXT}}, MSGPACK: {}},
    body={JSON: an_object({"source": _TEXT}, {"return": _ONE_OR_MORE, "reset": _FLAG})},
    query={"source": _TEXT, "return": _TEXT, "reset": _FLAG},
    errors=KERNEL_ERRORS,
    as_job=True,
)
def run_script() -> Response:
    """Run a script of PyNEST; with `reset`, in a kernel as a new process has it.

    The answer has `data` if there is a `return`: the value of the variable that it names, or
    an object of the values of several. The answer has `stdout` if anything was printed.
    """
    if request.method == "HEAD":
        return Response(status=405, headers={"Allow": "GET, POST, DELETE, OPTIONS"})
    refusal = services().settings.scripts_refused
    script = read_script(request)
    if refusal is not None:
        raise Refused(refusal)
    return answer(script, accepted_form(request))


@scripts.delete("/exec")
@described("Scripts", reply={JSON: an_object({"ended": {"type": "boolean"}})}, errors=(503,))
def end_script() -> Response:
    """End the script that runs now; the reply says whether one did."""
    return json_reply({"ended": services().kernel.end_script()})
