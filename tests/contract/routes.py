"""The rows about routes, methods and what each address answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.contract.steps import (
    BOTH,
    JSON,
    Check,
    Expected,
    call,
    case,
    containing,
    error,
    get,
    has,
    request,
    satisfying,
)
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("routes.txt"))


IS_JSON = {"Content-Type": JSON}
IS_TEXT = satisfying(lambda found: isinstance(found, str) and found != "")


def one_of(*values: Any) -> Check:
    """One of these values."""
    return satisfying(lambda found: found in values)


ROOT = [
    case(
        "GET / says which NEST runs, whether it has MPI, and how the server is",
        get(
            "/",
            Expected(
                200,
                has(
                    nest="3.10.0",
                    mpi=one_of(True, False),
                    ranks=one_of(1, 2),
                    state="idle",
                    waiting=0,
                    generation=IS_TEXT,
                    scripts=IS_TEXT,
                    server=IS_TEXT,
                    started=IS_TEXT,
                ),
                IS_JSON,
            ),
            varies=True,
        ),
        on=BOTH,
    ),
    case(
        "GET /api is a sorted list of names of calls and attributes",
        get("/api", Expected(200, satisfying(lambda it: it == sorted(set(it))), IS_JSON)),
        get(
            "/api",
            containing("Create", "Connect", "GetStatus", "Simulate", "resolution", "node_models"),
        ),
        on=BOTH,
    ),
    case(
        "GET /recorders lists recorders by ranges of their ids",
        get("/recorders", []),
        call("CopyModel", ["spike_recorder", "of mine"], None),
        call("Create", ["of mine", 2], [1, 2]),
        call("Create", ["parrot_neuron"], [3]),
        call("Create", ["voltmeter"], [4]),
        get(
            "/recorders",
            [
                {"first": 1, "last": 2, "model": "of mine"},
                {"first": 4, "last": 4, "model": "voltmeter"},
            ],
        ),
        on=BOTH,
    ),
]

#: Result of a call, as it goes over the wire.
BARE = [
    ("/api/ResetKernel", b"null"),
    ("/api/GetKernelStatus?keys=resolution", b"0.1"),
    ("/api/Create?model=iaf_psc_alpha&n=2", b"[1,2]"),
    ("/api/GetConnections", b"{}"),
    ("/api/NumProcesses", b"1"),
]
#: Attributes in an empty network.
ATTRIBUTES: list[tuple[str, Any]] = [
    ("resolution", 0.1),
    ("biological_time", 0.0),
    ("network_size", 0),
    ("num_processes", 1),
    ("rng_type", "mt19937_64"),
    ("rng_types", containing("mt19937", "mt19937_64", "Philox_64", "Threefry_64")),
    ("node_models", containing("iaf_psc_alpha", "spike_recorder", "poisson_generator")),
    ("synapse_models", containing("static_synapse", "stdp_synapse")),
]

CALLS = [
    *(
        case(
            f"{method} {path} answers bare JSON",
            request(method, path, answer=Expected(200, answer, IS_JSON)),
        )
        for method in ("GET", "POST")
        for path, answer in BARE
    ),
    *(
        case(
            f"{method} /api/{name} answers the value of the attribute",
            request(method, f"/api/{name}", answer=value),
        )
        for method in ("GET", "POST")
        for name, value in ATTRIBUTES
    ),
    case(
        "kernel_status is the whole status of the kernel",
        get(
            "/api/kernel_status",
            has(resolution=0.1, biological_time=0.0, network_size=0),
            varies=True,
        ),
    ),
    case(
        "attribute that was set shows when it is read",
        call("SetKernelStatus", {"params": {"resolution": 0.25}}, None),
        get("/api/resolution", 0.25),
    ),
]

INSPECTIONS = [
    ("getdoc", "Create one or more nodes."),
    ("getsource", "def Create(model, n=1, params=None, positions=None):"),
    ("signature", "(model, n=1, params=None, positions=None)"),
]

INSPECTION = [
    *(
        case(
            f"{method} ?inspect={what} answers an object with data and calls nothing",
            request(
                method,
                f"/api/Create?inspect={what}",
                answer=satisfying(
                    lambda it, word=word: it.keys() == {"data"} and word in it["data"]
                ),
            ),
            call("GetNodes", answer=[]),
        )
        for method in ("GET", "POST")
        for what, word in INSPECTIONS
    ),
    *(
        case(
            f"?inspect={what!r} does not exist",
            get(
                f"/api/Create?inspect={what}",
                error(400, None, "getdoc, getsource or signature", parameter="inspect"),
            ),
        )
        for what in ("", "getfile", "getmembers", "__class__", "os.system", "getdoc%20")
    ),
]

UNKNOWN = [
    *ROWS["UNKNOWN"],
    "/api/" + "x" * 4000,
]

METHODS = ROWS["METHODS"]

ACCEPTS = ROWS["ACCEPTS"]

STATUSES = [
    *(
        case(f"{method} {path[:40]} is 404 as JSON", request(method, path, answer=error(404)))
        for method in ("GET", "POST")
        for path in UNKNOWN
    ),
    case(
        "unknown call is named, and where to look",
        call("NoSuchCall", ["iaf_psc_alpha"], error(404, "UnknownCall", "NoSuchCall", "GET /api")),
    ),
    *(
        case(
            f"{name} may have meant {meant}",
            call(name, ["iaf_psc_alpha"], error(404, "UnknownCall", f"is '{meant}' meant?")),
        )
        for name, meant in {
            "create": "Create",
            "Creat": "Create",
            "GetConections": "GetConnections",
        }.items()
    ),
    *(
        case(
            f"{method} {path} is 405 as JSON and says what is allowed",
            request(
                method,
                path,
                answer=Expected(
                    405, has(error="Method Not Allowed"), IS_JSON | {"Allow": containing(allowed)}
                ),
            ),
        )
        for method, path, allowed in METHODS
    ),
    case(
        "HEAD executes no call",
        call("Create", ["iaf_psc_alpha"]),
        request("HEAD", "/api/ResetKernel", answer=Expected(405)),
        call("GetNodes", answer=[1]),
        request("HEAD", "/", varies=True),
    ),
    *(
        case(
            f"Accept: {accept!r} is ignored",
            call(
                "GetKernelStatus",
                ["resolution"],
                Expected(200, b"0.1", IS_JSON),
                headers={"Accept": accept},
            ),
        )
        for accept in ACCEPTS
    ),
    *(
        case(
            f"{path} names the kernel's generation",
            get(path, Expected(status, headers={"NEST-Kernel-Generation": IS_TEXT}), varies=True),
        )
        for path, status in {
            "/": 200,
            "/api": 200,
            "/api/resolution": 200,
            "/nope": 404,
            "/readyz": 200,
            "/healthz": 200,
        }.items()
    ),
    case("GET /healthz needs no token", get("/healthz", {"alive": True}, token=False)),
    case("GET /readyz names the kernel", get("/readyz", has(generation=IS_TEXT), varies=True)),
]

CASES = [*ROOT, *CALLS, *INSPECTION, *STATUSES]
