"""The rows about how arguments arrive: bodies, forms and query strings."""

from __future__ import annotations

from typing import Any

from tests.contract.steps import FORM, JSON, call, case, error, get, has, post, request

TEXT = "text/plain"

#: Call, body, answer in an empty network.
KINDS_OF_JSON: list[tuple[str, str, Any]] = [
    ("Create", '["iaf_psc_alpha", 2]', [1, 2]),
    ("Create", '{"model": "iaf_psc_alpha", "n": 2}', [1, 2]),
    ("Create", '{"args": ["iaf_psc_alpha", 2]}', [1, 2]),
    ("Create", '{"args": ["iaf_psc_alpha"], "n": 2}', [1, 2]),
    ("Create", '{"args": "iaf_psc_alpha", "n": 2}', [1, 2]),
    ("Create", '{"args": [], "model": "iaf_psc_alpha"}', [1]),
    ("Create", '"iaf_psc_alpha"', [1]),
    ("Create", ' \n["iaf_psc_alpha"]\n ', [1]),
    ("Simulate", "10", None),
    ("Simulate", "10.5", None),
    ("Simulate", "[20.000000]", None),
    ("Simulate", '{"t": 1e1}', None),
    ("GetKernelStatus", '"resolution"', 0.1),
    ("GetKernelStatus", '["resolution"]', 0.1),
    ("GetKernelStatus", '[["resolution", "network_size"]]', [0.1, 0]),
    ("GetKernelStatus", '{"keys": ["resolution", "network_size"]}', [0.1, 0]),
    ("NumProcesses", "[]", 1),
    ("NumProcesses", "{}", 1),
]

#: Media types under which JSON is understood.
MEDIA_TYPES = [
    "application/json;charset=UTF-8",
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/vnd.api+json",
    "application/problem+json;charset=UTF-8",
    "text/json",
    "text/plain;charset=UTF-8",
    # What curl -d says if nobody tells it.
    FORM,
    "application/octet-stream",
    "no media type",
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

#: Call, query string or form, answer in a network of two neurons.
QUERIES: list[tuple[str, str, Any]] = [
    ("Create", "model=iaf_psc_alpha&n=2", [3, 4]),
    ("Create", "args=iaf_psc_alpha&args=2", [3, 4]),
    ("Create", "args=iaf_psc_alpha&n=2", [3, 4]),
    ("Create", 'model=iaf_psc_alpha&params={"V_m":-60.0}', [3]),
    ("Create", 'model=iaf_psc_alpha&positions={"$call":"spatial.grid","args":[[2,1]]}', [3, 4]),
    ("Create", "model=iaf%5Fpsc%5Falpha&params=%7B%22V_m%22:+-60.5%7D", [3]),
    ("GetStatus", "nodes=1&keys=V_m", [-70.0]),
    ("GetStatus", "nodes=1,2&keys=V_m,C_m", [[-70.0, 250.0], [-70.0, 250.0]]),
    ("GetStatus", "nodes=[1,2]&keys=V_m", [-70.0, -70.0]),
    ("GetStatus", "nodes=1&nodes=2&keys=V_m&keys=C_m", [[-70.0, 250.0], [-70.0, 250.0]]),
    ("GetStatus", 'nodes=[1]&keys=["V_m"]', [[-70.0]]),
    ("GetKernelStatus", "keys=resolution", 0.1),
    ("GetKernelStatus", "args=resolution", 0.1),
    ("SetKernelStatus", 'params={"rng_seed":7}', None),
    ("SetStatus", 'nodes=1&params={"V_m":-61}', None),
    ("Connect", "pre=1&post=2&conn_spec=one_to_one", None),
    ("Connect", 'pre=1,2&post=2,1&conn_spec={"rule":"one_to_one"}&syn_spec={"weight":[2,3]}', None),
    ("Connect", "pre=1&post=2&return_synapsecollection=false", None),
    ("GetLocalNodeCollection", "nc=1,2", [1, 2]),
    ("GetNodes", 'properties={"model":"iaf_psc_alpha"}&local_only=TRUE', [1, 2]),
    ("Simulate", "t=10", None),
    ("Simulate", "t=1e1", None),
    ("Simulate", "args=10.0", None),
    ("random.uniform", "min=1&max=2", {"$call": "random.uniform", "kwargs": {"min": 1, "max": 2}}),
]

#: Call, text that does not fit, the parameter, what it would have to be.
UNFIT = [
    ("Create", "model=iaf_psc_alpha&n=two", "n", "an integer"),
    ("Create", "model=iaf_psc_alpha&n=2.5", "n", "an integer"),
    ("Create", "model=iaf_psc_alpha&n=", "n", "an integer"),
    ("Simulate", "t=soon", "t", "a number"),
    ("Simulate", "t=NaN", "t", "a number"),
    ("Connect", "pre=1&post=x", "post", "nodes"),
    ("GetNodes", "local_only=maybe", "local_only", "true or false"),
    ("GetNodes", "properties=iaf", "properties", "an object"),
    ("SetKernelStatus", "params=7", "params", "an object"),
    ("SetKernelStatus", "resolution=0.2", "resolution", "is no parameter; there are: params"),
]

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
