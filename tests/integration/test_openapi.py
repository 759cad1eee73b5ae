"""The document of a real server: complete, as NEST is."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
from openapi_spec_validator import validate

from tests.integration.pending import begin_endless_run, pending
from tests.integration.servers import Server


@pytest.fixture(scope="module")
def document(shared_server: Server) -> dict[str, Any]:
    """The document."""
    reply = shared_server.get("/openapi.json")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["NEST-Kernel-Generation"]
    found: dict[str, Any] = reply.json()
    return found


def test_document_is_valid_and_about_this_nest(
    shared_server: Server, document: dict[str, Any]
) -> None:
    validate(document)
    assert shared_server.get("/").json()["nest"] in document["info"]["summary"]


def test_every_name_is_a_path_with_its_documentation(
    shared_server: Server, document: dict[str, Any]
) -> None:
    for name in shared_server.get("/api").json():
        operation = document["paths"][f"/api/{name}"]
        assert set(operation) == {"get", "post"}
    said = shared_server.get("/api/Create?inspect=getdoc").json()["data"]
    create = document["paths"]["/api/Create"]["post"]
    assert said == f"{create['summary']}\n\n{create['description']}"


def signature_of(text: str) -> dict[str, Any]:
    """Parameters of a signature: name, and default as Python writes it or ``None``."""
    # The default that is no literal is a number to callers.
    text = text.replace("<VerbosityLevel.INFO: 10>", "10")
    arguments = ast.parse(f"def f{text}: pass").body[0].args  # type: ignore[attr-defined]
    placed = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(placed) - len(arguments.defaults)) + arguments.defaults
    defaults += arguments.kw_defaults
    every = [*placed, *arguments.kwonlyargs]
    return {a.arg: d and ast.literal_eval(d) for a, d in zip(every, defaults, strict=True)} | {
        "*": arguments.vararg is not None or bool(arguments.posonlyargs)
    }


def test_parameters_are_those_of_the_signature(
    shared_server: Server, document: dict[str, Any]
) -> None:
    for name in shared_server.get("/api").json():
        signature = shared_server.get(f"/api/{name}?inspect=signature").json()["data"]
        shown = document["paths"][f"/api/{name}"]["get"]["parameters"]
        named = {one["name"]: one for one in shown if "name" in one}
        expected = signature_of(signature)
        assert ("args" in named) is expected.pop("*") or name in ("Disconnect", "get"), name
        if "/)" in signature or "**" in signature:
            continue
        assert set(expected) == set(named) - {"args"}, name
        for parameter, default in expected.items():
            found = named[parameter].get("schema", {}).get("default")
            assert found == default or found == str(default), (name, parameter)
            has_default = re.search(rf"\b{parameter}=", signature) is not None
            assert named[parameter]["required"] is not has_default, (name, parameter)


def test_document_is_there_also_during_a_run(server: Server, document: dict[str, Any]) -> None:
    with pending(server) as send:
        run = begin_endless_run(server, send)
        assert server.get("/openapi.json").json() == document
        assert not run.done()
        (job,) = (job for job in server.get("/jobs").json() if job["state"] == "running")
        server.request("DELETE", f"/jobs/{job['id']}")
