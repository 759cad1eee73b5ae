"""The rows about how arguments arrive: bodies, forms and query strings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.contract.steps import FORM, JSON, call, case, error, get, has, post, request
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("bodies.txt"))


TEXT = "text/plain"

KINDS_OF_JSON: list[tuple[str, str, Any]] = ROWS["KINDS_OF_JSON"]

#: Media types under which JSON is understood.
MEDIA_TYPES = [
    *ROWS["MEDIA_TYPES"],
    # What curl -d says if nobody tells it.
    FORM,
]

#: Bodies of Create in which null means "not given".
NULLS: list[Any] = [
    {"model": "iaf_psc_alpha", "n": None, "params": None, "positions": None},
    {"args": ["iaf_psc_alpha", None, None], "positions": None},
    {"args": None, "model": "iaf_psc_alpha"},
    {"model": "iaf_psc_alpha", "syn_spec": None},
    ["iaf_psc_alpha", None, None, None],
]

BODIES = [
    *(
        case(f"{name} {body.strip()} as {kind}", call(name, body.encode(), answer, kind=kind))
        for kind in (JSON, TEXT, None)
        for name, body, answer in KINDS_OF_JSON
    ),
    *(
        case(
            f"body {body!r} as {kind} is no arguments",
            call("Create", ["iaf_psc_alpha"], [1]),
            call("ResetKernel", body, None, kind=kind),
            call("GetNodes", body, [], kind=kind),
        )
        for kind in (JSON, TEXT, FORM, "application/octet-stream", None)
        for body in (b"", b"null", b" \r\n")
    ),
    *(
        case(
            f"{method} as {kind} without a body is no arguments",
            request(method, "/api/NumProcesses", answer=1, kind=kind),
        )
        for method in ("GET", "POST")
        for kind in (JSON, TEXT, FORM, "application/octet-stream", None)
    ),
    case("GET may have a body", get("/api/Create", [1, 2], body=["iaf_psc_alpha", 2])),
    *(
        case(
            f"JSON as {kind}",
            call("Create", b'{"model": "iaf_psc_alpha", "params": {"V_m": -60.5}}', [1], kind=kind),
            call("GetStatus", [[1], "V_m"], [-60.5]),
        )
        for kind in MEDIA_TYPES
    ),
    *(
        case(
            f"text outside ASCII arrives as it was sent: {body!r}",
            call("Create", body, error(400, None, "Z\xfcrich \u2615"), kind=JSON),
        )
        for body in ('["Z\xfcrich \u2615"]'.encode(), b'["Z\\u00fcrich \\u2615"]')
    ),
    *(case(f"null means not given in {body}", call("Create", body, [1])) for body in NULLS),
    case(
        "null keys and null filters mean not given",
        call("Create", ["iaf_psc_alpha", 2]),
        call("Connect", {"pre": [1], "post": [2], "conn_spec": None, "syn_spec": None}, None),
        call("GetStatus", [[1, 2], "V_m"], [-70.0, -70.0]),
        call(
            "GetConnections",
            {"source": None, "target": [2], "synapse_model": None},
            has(source=[1]),
        ),
    ),
]

QUERIES: list[tuple[str, str, Any]] = ROWS["QUERIES"]

UNFIT = ROWS["UNFIT"]

MULTIPART = (
    b'--parts\r\nContent-Disposition: form-data; name="model"\r\n\r\niaf_psc_alpha\r\n'
    b'--parts\r\nContent-Disposition: form-data; name="n"\r\n\r\n2\r\n--parts--\r\n'
)

TEXTS = [
    *(
        case(
            f"{way} {name} {query}",
            call("Create", ["iaf_psc_alpha", 2]),
            call(name, query.encode(), answer, kind=FORM)
            if way == "form"
            else request(way, f"/api/{name}?{query}", answer=answer),
        )
        for way in ("GET", "POST", "form")
        for name, query, answer in QUERIES
    ),
    *(
        case(
            f"{name} {query} names the parameter that does not fit",
            call("Create", ["iaf_psc_alpha"]),
            get(
                f"/api/{name}?{query}",
                error(400, None, repr(parameter), wanted, parameter=parameter),
            ),
            call(
                name,
                query.encode(),
                error(400, None, repr(parameter), wanted, parameter=parameter),
                kind=FORM,
            ),
            call("GetNodes", answer=[1]),
        )
        for name, query, parameter, wanted in UNFIT
    ),
    case(
        "multipart form is a form",
        call("Create", MULTIPART, [1, 2], kind="multipart/form-data; boundary=parts"),
    ),
    case(
        "body and query string may be mixed, but not for one argument",
        post("/api/Create?n=2", {"model": "iaf_psc_alpha"}, [1, 2]),
        post(
            "/api/Create?n=2",
            {"model": "iaf_psc_alpha", "n": 3},
            error(400, None, "'n' is in the body and in the query string"),
        ),
    ),
]

CASES = [*BODIES, *TEXTS]
