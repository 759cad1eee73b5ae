"""Address of scripts, ``/exec``, and the scripts in the bodies of its requests."""

from __future__ import annotations

import base64
import binascii

from flask import Blueprint, Request, Response, request

from gateway.http.arguments import read_arguments
from gateway.http.replies import accepted_form, json_reply
from gateway.openapi.decorate import JSON, MSGPACK, an_object, described
from gateway.routes.answers import KERNEL_ERRORS, answer
from gateway.services import services
from protocol.errors import ArgumentError, MalformedRequest, Refused, RequestTooLarge
from protocol.process.environment import is_truthy
from protocol.runtime.data_directory import NAME_LIMIT_BYTES, check_file_name
from protocol.wire.messages import Script
from protocol.wire.values import Text, Value

scripts = Blueprint("scripts", __name__)

#: Most bytes of an archive.
ARCHIVE_BYTES = 32 << 20
#: Most arguments of a program.
ARGUMENT_LIMIT = 1000

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_ONE_OR_MORE = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}, {"type": "null"}]}


@scripts.route("/exec", methods=["GET", "POST"])
@described(
    "Scripts",
    reply={JSON: {"type": "object", "properties": {"data": {}, "stdout": _TEXT}}, MSGPACK: {}},
    body={
        JSON: an_object(
            {},
            {
                "source": _TEXT,
                "return": _ONE_OR_MORE,
                "reset": _FLAG,
                "name": _TEXT,
                "argv": {"type": "array", "items": _TEXT},
                "archive": {"type": "string", "format": "byte"},
            },
        )
    },
    query={"source": _TEXT, "return": _TEXT, "name": _TEXT, "reset": _FLAG},
    errors=KERNEL_ERRORS,
    as_job=True,
)
def run_script() -> Response:
    """Run a script of PyNEST; with `reset`, in a kernel as a new process has it.

    The answer has `data` if there is a `return`: the value of the variable that it names, or
    an object of the values of several. The answer has `stdout` if anything was printed.
    `archive` has the files of a program, as zip or tar; its file `name` is run.
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


def read_script(request: Request) -> Script:
    """Read a script: its ``source``, or ``archive`` and ``name``, and what it runs with.

    ``return`` has the names of what is asked for, if anything is, ``argv`` the program's arguments.

    Raises
    ------
    MalformedRequest
        If there is neither source nor archive, or one of the others is not what it should be.
    RequestTooLarge
        If the body, or the archive, is over the limit.
    """
    arguments = read_arguments(request)
    if arguments.args:
        raise MalformedRequest('a script is an object: {"source": "…", "return": "…"}')
    given = arguments.kwargs
    name = _name(given.get("name"))
    archive = _archive(request, given.get("archive"))
    source = _plain_text(given.get("source", "" if archive and name else None))
    if not isinstance(source, str):
        raise MalformedRequest(
            '"source" must be the text of a script, or "archive" the files of a program and "name" '
            "the one that is run"
        )
    returns = _returns(given["return"]) if "return" in given else None
    return Script(
        "",
        source,
        returns,
        reset=_reset(given.get("reset", False)),
        name=name,
        argv=_argv(given.get("argv")),
        archive=archive,
    )


def _reset(value: Value) -> bool:
    """Return whether the kernel is reset before."""
    if isinstance(value, Text):
        value = all(map(is_truthy, value.values))
    if not isinstance(value, bool):
        raise MalformedRequest('"reset" must be true or false')
    return value


def _returns(returns: Value) -> str | list[str]:
    if isinstance(returns, Text):
        # In a query string a list is names between commas, or the parameter several times.
        names = [name for text in returns.values for name in text.split(",")]
        returns = names if len(names) > 1 else names[0]
    if returns is None:
        return ""
    found = returns if isinstance(returns, str) else _texts(returns)
    if found is None:
        raise MalformedRequest('"return" must be a name or a list of names')
    return found


def _name(value: Value) -> str:
    name = _plain_text(value)
    if name is None:
        return ""
    if not isinstance(name, str) or len(name.encode(errors="replace")) > NAME_LIMIT_BYTES:
        raise MalformedRequest('"name" must be the name of the script\'s file, such as "run.py"')
    try:
        for part in name.split("/"):
            check_file_name(part)
    except ArgumentError as error:
        raise MalformedRequest(f'"name": {error.message}') from error
    return name


def _argv(value: Value) -> list[str]:
    if value is None:
        return []
    argv = list(value.values) if isinstance(value, Text) else _texts(value)
    if argv is None or len(argv) > ARGUMENT_LIMIT:
        raise MalformedRequest(f'"argv" must be a list of at most {ARGUMENT_LIMIT} texts')
    return argv


def _archive(request: Request, value: Value) -> bytes:
    """Return an archive: bytes, those in base64, or a file of a form."""
    if isinstance(value, dict) and value.keys() == {"$bytes"}:
        value = value["$bytes"]
    value = _plain_text(value)
    if value is None and request.mimetype == "multipart/form-data" and "archive" in request.files:
        value = request.files["archive"].read()
    if value is None:
        return b""
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            value = None
    if not isinstance(value, bytes):
        raise MalformedRequest('"archive" must be the bytes of a zip or tar file; in JSON, base64')
    if len(value) > ARCHIVE_BYTES:
        raise RequestTooLarge(
            f"the archive has {len(value)} bytes, the limit is {ARCHIVE_BYTES}; leave out what the "
            "program does not need"
        )
    return value


def _plain_text(value: Value) -> Value:
    return value.values[0] if isinstance(value, Text) and len(value.values) == 1 else value


def _texts(value: Value) -> list[str] | None:
    """Return a list of nothing but texts; ``None`` if it is none."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return None
