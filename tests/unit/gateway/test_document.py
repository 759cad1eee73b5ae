"""The document of the server: every route and every call is in it, as they are served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway.app import create_app
from gateway.openapi.decorate import description_of
from gateway.openapi.document import document, methods_of, path_of, undescribed
from gateway.openapi.schemas import KINDS, example_of
from gateway.services import EXTENSION
from gateway.settings import MIB, JobLimits
from protocol.api_description import ApiDescription, Call, CallParameter, Given, Kind
from protocol.http_status import STATUS
from tests.sections import read_rows
from tests.unit.gateway.fakes import gateway_settings

ROWS = read_rows(Path(__file__).with_name("document.txt"))


#: One parameter of every kind, and every way of giving one.
CALLS = (
    Call("resolution", "attribute", "kernel attributes", "()", "Step.", settable=True),
    Call(
        "Create",
        "function",
        "nodes",
        "(model, n=1)",
        "Create nodes.\n\nMore of it.",
        (
            CallParameter("model", Kind.STRING, Given.EITHER, True),
            CallParameter("n", Kind.COUNT, Given.EITHER, False, "1", 1),
        ),
    ),
    Call(
        "GetStatus",
        "function",
        "info",
        "(nodes_or_conns, *more_keys, output='')",
        "",
        (
            CallParameter(
                "nodes_or_conns", Kind.NODES_OR_CONNECTIONS, Given.EITHER, True, aliases=("nodes",)
            ),
            CallParameter("more_keys", Kind.KEYS, Given.REST, False),
            CallParameter("output", Kind.STRING, Given.BY_NAME, False, "''", ""),
        ),
    ),
    Call(
        "Mask.or",
        "constructor",
        "Mask",
        "(a, b, /)",
        "",
        (
            CallParameter("a", Kind.ANY, Given.BY_POSITION, True),
            CallParameter("b", Kind.ANY, Given.BY_POSITION, True),
        ),
    ),
    Call("set", "function", "kernel", "(**kwargs)", "", (
        CallParameter("kwargs", Kind.ANY, Given.NAMES, False),
    )),
    *(
        Call(kind.name, "function", "kinds", "(x)", "",
             (CallParameter("x", kind, Given.EITHER, True),))
        for kind in Kind
    ),
)  # fmt: skip
INTERFACE = ApiDescription("3.10.0", CALLS)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The application of a gateway whose kernel is not there."""
    made = create_app(gateway_settings(tmp_path, JobLimits(10, MIB, 60.0), "secret", tmp_path))
    yield made
    made.extensions[EXTENSION].kernel.close()


@pytest.fixture
def found(app: Flask) -> dict[str, Any]:
    """The document of ``app`` with ``CALLS``."""
    return document(app, INTERFACE, "1.2.3")


def test_every_route_says_what_it_is_for(app: Flask) -> None:
    lacking = undescribed(app)
    assert not lacking, (
        f"these routes lack a docstring or @described(…): {', '.join(lacking)}. Write below the "
        'route: @described("Server", reply={JSON: an_object({"ready": {"type": "boolean"}})}, '
        "errors=(503,)), with from gateway.openapi.decorate import JSON, an_object, described; "
        "a docstring whose first line says what the reply is; and open_to_all=True if it asks for "
        "no token"
    )


def test_every_route_is_in_the_document_with_its_methods(app: Flask, found: dict[str, Any]) -> None:
    rules = list(app.url_map.iter_rules())
    served = {(path_of(rule), method.lower()) for rule in rules for method in methods_of(rule)}
    assert ("/openapi.json", "get") in served
    shown = {(path, method) for path, methods in found["paths"].items() for method in methods}
    calls = {(f"/api/{call.name}", method) for call in CALLS for method in ("get", "post")}
    assert shown == served | calls


def test_the_routes_that_ask_for_no_token_are_these(app: Flask, found: dict[str, Any]) -> None:
    open_ones = {
        path
        for path, methods in found["paths"].items()
        for operation in methods.values()
        if operation.get("security") == []
    }
    desktop = {path for path in found["paths"] if path.startswith("/desktop/")}
    assert open_ones == desktop | {"/healthz", "/api-docs/", "/api-docs/{name}", "/static/{name}"}
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<name>", "api-docs.js").replace("<call>", "Create")
        for method in methods_of(rule):
            reply = client.open(path, method=method)
            refused = reply.status_code == 403
            reply.close()
            description = description_of(app.view_functions[rule.endpoint])
            assert description is not None
            assert refused is not description.open_to_all, (method, path)


@pytest.mark.parametrize("name", ["%F0%A9%B7%9E", "a" * 300, "%20", "~", "%00"])
def test_names_in_paths_that_nobody_has_get_a_status_of_the_document(
    app: Flask, found: dict[str, Any], name: str
) -> None:
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        described = found["paths"][path_of(rule)]
        path = re.sub(r"<[^<>]+>", name, rule.rule)
        for method in methods_of(rule) if rule.arguments else ():
            reply = client.open(path, method=method, headers={"NESTServerAuth": "secret"})
            statuses = described[method.lower()]["responses"]
            assert str(reply.status_code) in statuses, (method, path, reply.text)
            reply.close()


def test_document_is_valid(found: dict[str, Any]) -> None:
    validate(found)
    ids = [one["operationId"] for methods in found["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))


def test_every_kind_has_a_schema_that_its_example_fits(found: dict[str, Any]) -> None:
    assert set(KINDS) == set(Kind)
    for kind in Kind:
        example = example_of(CallParameter("x", kind, Given.EITHER, True))
        assert fits(found, f"{kind.name}.arguments", [example]), kind


def test_every_status_of_an_error_is_described(found: dict[str, Any]) -> None:
    operation = found["paths"]["/api/Create"]["post"]
    assert {str(status) for status in STATUS.values()} <= set(operation["responses"])
    unavailable = found["components"]["responses"]["Unavailable"]
    assert "Retry-After" in unavailable["headers"]


def fits(found: dict[str, Any], schema: str, value: Any) -> bool:
    """Whether ``value`` fits one of the document's schemas."""
    named = {"$ref": f"#/components/schemas/{schema}", "components": found["components"]}
    return bool(Draft202012Validator(named).is_valid(value))


@pytest.mark.parametrize(("call", "body", "good"), ROWS["bodies are described as they are taken"])
def test_bodies_are_described_as_they_are_taken(
    found: dict[str, Any], call: str, body: Any, good: bool
) -> None:
    assert fits(found, f"{call}.arguments", body) is good


def test_call_has_its_parameters_and_documentation(found: dict[str, Any]) -> None:
    operation = found["paths"]["/api/Create"]["get"]
    assert operation["summary"] == "Create nodes."
    assert operation["description"] == "More of it."
    assert operation["x-nest-signature"] == "Create(model, n=1)"
    model, n = operation["parameters"][:2]
    assert (model["name"], model["required"]) == ("model", True)
    assert (n["name"], n["required"], n["schema"]["default"]) == ("n", False, 1)
    assert "SetKernelStatus" in found["paths"]["/api/resolution"]["get"]["description"]


def test_everything_that_is_a_job_takes_the_headers_of_one(
    app: Flask, found: dict[str, Any]
) -> None:
    headers = {"Prefer", "Idempotency-Key", "X-Job-ID"}
    asynchronous = set()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            refs = [one.get("$ref", "") for one in operation.get("parameters", ())]
            taken = {ref.rpartition("/")[2] for ref in refs} & headers
            jobs = "async" in {ref.rpartition("/")[2] for ref in refs}
            assert taken == (headers if jobs and method == "post" else set()), (method, path)
            if jobs:
                assert "202" in operation["responses"]
                asynchronous.add(path)
    calls = {path for path in found["paths"] if path.startswith("/api/")}
    assert asynchronous == calls | {"/batch", "/exec", "/operation", "/release"}
    named = found["components"]["parameters"]["X-Job-ID"]["schema"]
    assert Draft202012Validator(named).is_valid("0123456789abcdef")
    assert not Draft202012Validator(named).is_valid("../token")


def test_without_a_kernel_there_is_no_document_but_a_time_to_ask_again(app: Flask) -> None:
    reply = app.test_client().get("/openapi.json", headers={"NESTServerAuth": "secret"})
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) > 0


@pytest.mark.parametrize("name", ["", "api-docs.js", "swagger-ui-bundle.js", "swagger-ui.css"])
def test_page_and_its_files_run_nothing_of_others(app: Flask, name: str) -> None:
    reply = app.test_client().get(f"/api-docs/{name}", buffered=True)
    assert reply.status_code == 200
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    again = app.test_client().get(
        f"/api-docs/{name}", headers={"If-None-Match": reply.headers["ETag"]}, buffered=True
    )
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["nope", "..%2Fapp.py", "__init__.py", "oauth2-redirect.html"])
def test_no_other_file_is_given(app: Flask, name: str) -> None:
    assert app.test_client().get(f"/api-docs/{name}", buffered=True).status_code in (403, 404)


def test_interface_survives_the_wire() -> None:
    assert ApiDescription.from_value(INTERFACE.to_value()) == INTERFACE
