"""What known clients send, byte for byte where they add something of their own, and what they read.

Taken from their public sources and from what goes over the wire when they run: headers in their
order and spelling, bodies as they write them. Those that know no token need a server without.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.contract.browsers import DESKTOP, echo, granted, preflight
from tests.contract.steps import (
    GUARDED,
    JSON,
    OPEN,
    Case,
    Expected,
    Step,
    call,
    case,
    containing,
    differing,
    error,
    get,
    has,
    post,
    request,
    satisfying,
)
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("clients.txt"))


POSITIVE = satisfying(lambda found: found > 0)


def one(wanted: Any) -> Any:
    """A list of one value that ``wanted`` accepts."""

    def check(found: Any) -> None:
        assert len(found) == 1, found
        wanted(found[0])

    return check


# NEST Desktop 4.2: axios in a browser.

AXIOS = {
    "Accept": "application/json, text/plain, */*",
    "Origin": DESKTOP,
    "Referer": DESKTOP + "/",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-site",
}


def desktop(method: str, path: str, body: Any, answer: Any, status: int = 200) -> Step:
    """A request that the page may read the answer of."""
    allowed = {"Access-Control-Allow-Origin": DESKTOP}
    sent = json.dumps(body, separators=(",", ":")).encode() if body is not None else b""
    headers = AXIOS | ({"Content-Type": JSON} if body is not None else {})
    return request(
        method, path, sent, Expected(status, answer, allowed), headers=headers, varies=path == "/"
    )


NEST_DESKTOP = [
    case("NEST Desktop recognises the server", desktop("GET", "/", None, has(nest="3.10.0"))),
    *(
        case(
            f"NEST Desktop's preflight of {path} is granted",
            preflight(
                path,
                DESKTOP,
                granted("content-type,nestserverauth"),
                Method="POST",
                Headers="content-type,nestserverauth",
            ),
        )
        for path in ("/", "/api/GetKernelStatus", "/api/ResetKernel", "/api/Install", "/exec")
    ),
    case(
        "NEST Desktop reads two bare lists of models",
        desktop(
            "POST",
            "/api/GetKernelStatus",
            {"keys": ["node_models", "synapse_models"]},
            satisfying(
                lambda found: (
                    len(found) == 2 and "iaf_psc_alpha" in found[0] and "static_synapse" in found[1]
                )
            ),
        ),
    ),
    case(
        "NEST Desktop resets with GET",
        call("Create", ["iaf_psc_alpha"], [1]),
        desktop("GET", "/api/ResetKernel", None, None),
        call("GetNodes", answer=[]),
    ),
    case(
        "NEST Desktop reads the message when a module is missing",
        desktop(
            "POST",
            "/api/Install",
            {"module_name": "nestmlmodule"},
            has(message=containing("Install")),
            403,
        ),
    ),
    case(
        "NEST Desktop reads the line of an error",
        desktop(
            "POST",
            "/exec",
            {"source": "import nest\nx=1/0", "response_keys": "response", "return": "response"},
            has(message="ZeroDivisionError at line 2: division by zero", lineNumber=2),
            400,
        ),
    ),
]

# nest-client and tvb-multiscale: requests, everything as an object with args.

REQUESTS = {
    "User-Agent": "python-requests/2.32.3",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "text/plain",
    "Connection": "keep-alive",
    "Content-type": JSON,
}


def client(name: str, args: Sequence[Any], kwargs: dict[str, Any], answer: Any) -> Step:
    """A call as nest-client writes it."""
    body = json.dumps(kwargs | {"args": list(args)}).encode()
    return call(name, body, answer, headers=REQUESTS)


RANGE = list(range(2, 102))

NEST_CLIENT = [
    case(
        "nest-client runs the example of the documentation",
        client("ResetKernel", [], {}, None),
        client("Create", ["poisson_generator", 1, {"rate": 6500.0}], {}, [1]),
        client("Create", ["iaf_psc_alpha", 100], {}, RANGE),
        client("Create", ["spike_recorder"], {}, [102]),
        client("Connect", [[1], RANGE], {"syn_spec": {"weight": 10.0}}, None),
        client("Connect", [RANGE[::10], [102]], {}, None),
        client("Simulate", [1000.0], {}, None),
        differing(client("GetStatus", [[102], "n_events"], {}, one(POSITIVE))),
        on=OPEN,
    ),
    case(
        "nest-client reads the text of an error at 400 only",
        client("Create", ["nope"], {}, error(400, "UnknownModelName", "nope")),
        on=OPEN,
    ),
    case(
        "nest-client sends scripts with a key of its own",
        post(
            "/exec",
            b'{"source": "print(\'Hello world!\')\\na = 1", "return": "a", "return_vars": "a"}',
            {"data": 1, "stdout": "Hello world!\n"},
            headers=REQUESTS,
        ),
        post(
            "/exec",
            b'{"source": "a = 1", "return": null, "return_vars": null}',
            {"data": None},
            headers=REQUESTS,
        ),
        on=OPEN,
    ),
    case(
        "tvb-multiscale reads one node's values by several keys, and sets them",
        client("Create", ["iaf_cond_alpha", 2], {"params": {"I_e": 100.0}}, [1, 2]),
        client("GetStatus", [[1, 2], "I_e", "E_L"], {}, [[100.0, -70.0], [100.0, -70.0]]),
        client("GetStatus", [[1], "I_e"], {}, [100.0]),
        client("GetStatus", [[1]], {}, one(has(I_e=100.0, model="iaf_cond_alpha"))),
        client("SetStatus", [[1, 2]], {"params": {"I_e": 0.0}}, None),
        client("GetKernelStatus", ["resolution"], {}, 0.1),
        client("SetKernelStatus", [{"rng_seed": 7}], {}, None),
        client("CopyModel", ["static_synapse", "excitatory"], {"params": {"weight": 2.5}}, None),
        client(
            "Connect",
            [[1], [2]],
            {"conn_spec": {"rule": "all_to_all"}, "syn_spec": {"synapse_model": "excitatory"}},
            None,
        ),
        client(
            "GetConnections",
            [],
            {"source": [1], "target": None, "synapse_model": None},
            has(source=[1], target=[2], weight=[2.5]),
        ),
        client("SetDefaults", ["iaf_cond_alpha", {"C_m": 200.0}], {}, None),
        client("GetDefaults", ["iaf_cond_alpha"], {}, has(C_m=200.0)),
        on=OPEN,
    ),
]

# nrp-core: restclient-cpp, and so libcurl. Whatever is not 200 is a failure there.

RESTCLIENT = {"User-Agent": "restclient-cpp/0.5.2", "Accept": "*/*"}


def nrp(path: str, body: bytes, answer: Any = None) -> Step:
    """A request of nrp-core, with its two content types."""
    kind = JSON if body else "text/plain"
    return post(path, body, answer, headers=RESTCLIENT, kind=kind)


BRAIN = """import nest
nest.ResetKernel()
neurons = nest.Create("iaf_psc_alpha", 2, {"I_e": 500.0})
recorder = nest.Create("spike_recorder")
nest.Connect(neurons, recorder)
populations = {"actors": neurons, "recorder": recorder}
"""


def initialised(**wanted: Any) -> Step:
    """The first request: the script that builds the network."""
    sent = {"return": list(wanted), "source": BRAIN}
    return nrp("/exec", json.dumps(sent, separators=(",", ":")).encode(), {"data": wanted})


POPULATIONS = {"actors": [1, 2], "recorder": [3]}


def stepped(found: Any) -> None:
    first, second, recorder = found
    assert first["I_e"] == second["I_e"] == 1000.0
    assert recorder["n_events"] == len(recorder["events"]["times"]) > 0
    assert set(recorder["events"]["senders"]) == {1, 2}


NRP_CORE = [
    case(
        "nrp-core initialises, steps, reads and sets",
        nrp("/api/ResetKernel", b""),
        initialised(populations=POPULATIONS),
        nrp("/api/GetKernelStatus", b'["resolution"]', 0.1),
        nrp("/api/SetStatus", b'{"nodes":[1,2],"params":{"I_e":1000.0}}'),
        nrp("/api/Simulate", b"[20.000000]"),
        nrp("/api/GetKernelStatus", b'["biological_time"]', 20.0),
        nrp("/api/GetStatus", b'{"nodes":[1,2]}', satisfying(lambda it: len(it) == 2)),
        nrp("/api/GetStatus", b'{"nodes":[1,2,3]}', stepped),
        on=OPEN,
    ),
    case(
        "nrp-core names nodes by place, too",
        initialised(populations=POPULATIONS, connections=None),
        nrp("/api/SetStatus", b'{"args": [[1,2]], "params": {"I_e": 1000.0}}'),
        nrp("/api/Simulate", b"[20.000000]"),
        nrp("/api/GetStatus", b'{"args": [[1,2,3]]}', stepped),
        on=OPEN,
    ),
    case(
        "older nrp-core prepares, runs and cleans up",
        initialised(populations=POPULATIONS),
        nrp("/api/Prepare", b""),
        nrp("/api/Run", b"[20.000000]"),
        nrp("/api/Run", b"[20.000000]"),
        nrp("/api/GetStatus", b'{"args":[[3],"n_events"]}', one(POSITIVE)),
        nrp("/api/Cleanup", b""),
        nrp("/api/biological_time", b"", 40.0),
        on=OPEN,
    ),
]

# nest-jsclient and the JavaScript of the documentation: XMLHttpRequest in a page of localhost:8000.

PAGE = "http://localhost:8000"
IN_BROWSER = {"Accept": "*/*", "Origin": PAGE, "Referer": PAGE + "/", "Sec-Fetch-Site": "same-site"}
JSCLIENT = IN_BROWSER | {
    "Content-type": JSON,
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Origin, Content-Type, X-Auth-Token, content-type",
    "Access-Control-Allow-Methods": "GET",
}
RECIPE = IN_BROWSER | {"Access-Control-Allow-Headers": "Content-Type", "Content-Type": JSON}


def jsclient(code: str, name: str, answer: Any, varies: bool = False) -> tuple[Step, Step]:
    """A button of nest-jsclient: the preflight of the browser, then the script."""
    odd = ",".join(f"access-control-allow-{what}" for what in ("headers", "methods", "origin"))
    names = f"{odd},content-type"
    source = f"\n{code}\n        ".replace("\n", "\\n").replace('"', "'")
    return (
        preflight("/exec", PAGE, granted(names, PAGE), Method="POST", Headers=names),
        post(
            "/exec",
            f'{{"source": "{source}", "return": "{name}"}}'.encode(),
            Expected(200, answer, {"Access-Control-Allow-Origin": PAGE}),
            headers=JSCLIENT,
            varies=varies,
        ),
    )


def recipe(path: str, body: bytes, answer: Any) -> tuple[Step, Step]:
    """``postAPI`` and ``execScript`` of the documentation."""
    names = "access-control-allow-headers,content-type"
    readable = Expected(200, answer, {"Access-Control-Allow-Origin": PAGE})
    return (
        preflight(path, PAGE, granted(names, PAGE), Method="POST", Headers=names),
        post(path, body, readable, headers=RECIPE),
    )


JAVASCRIPT = [
    case(
        "nest-jsclient's buttons show what they are for",
        *jsclient("a=1+2", "a", {"data": 3}),
        *jsclient("models=nest.Models();", "models", has(data=containing("iaf_psc_alpha"))),
        *jsclient("nest.help();", "", has(data=None, stdout=containing("nest"))),
        *jsclient(
            "# Reset kernel\nnest.ResetKernel()\n\n# Create nodes\n"
            'pg = nest.Create("poisson_generator", params={"rate": 6500.})\n'
            'neurons = nest.Create("iaf_psc_alpha", 100)\nsd = nest.Create("spike_recorder")\n\n'
            '# Connect nodes\nnest.Connect(pg, neurons, syn_spec={"weight": 10.})\n'
            "nest.Connect(neurons, sd)\n\n# Simulate\nnest.Simulate(1000.0)\n\n"
            '# Get events\nn_events = sd.get("n_events")',
            "n_events",
            has(data=POSITIVE),
            varies=True,
        ),
        *jsclient(
            'n1 = nest.Create("iaf_psc_alpha")\nn2 = nest.Create("iaf_psc_alpha")\n'
            "nest.Connect(n1, n2)\nconn = nest.GetConnections(n1)\n"
            'nest.SetStatus(conn, {"weight": 2.0})\nstate = nest.GetStatus(conn)',
            "state",
            has(data=one(has(weight=2.0))),
        ),
        on=OPEN,
    ),
    case(
        "documented getAPI reads without a preflight",
        get(
            "/",
            Expected(200, has(nest="3.10.0"), echo(200, PAGE).headers),
            headers=IN_BROWSER,
            varies=True,
        ),
        get("/api/node_models", Expected(200, containing("iaf_psc_alpha")), headers=IN_BROWSER),
        on=OPEN,
    ),
    case(
        "documented postAPI and execScript",
        *recipe("/api/GetDefaults", b'{"model":"iaf_psc_alpha"}', has(C_m=250.0, V_min=None)),
        *recipe(
            "/exec",
            b'{"source":"data = nest.GetDefaults(\'iaf_psc_alpha\')","return":"data"}',
            has(data=has(C_m=250.0, V_min=None)),
        ),
        on=OPEN,
    ),
]

# The documentation's curl, bash and Python.

CURL = {"User-Agent": "curl/7.88.1", "Accept": "*/*"}
BASH = ROWS["BASH"]


def bash(kind: str, headers: dict[str, str], on: tuple[str, ...]) -> Case:
    """The documentation's function in bash, with the content type that curl or the user gives."""

    def curl(name: str, data: bytes, answer: Any) -> Step:
        if not data:
            return get(f"/api/{name}", answer, headers=CURL | headers, token=False)
        return call(name, data, answer, headers=CURL | headers, kind=kind, token=False)

    return case(
        f"documented bash as {kind} with {list(headers) or 'no token'} prints one positive number",
        *(curl(name, data, answer) for name, data, answer in BASH),
        differing(curl("GetStatus", b'{"nodes": [4], "keys": "n_events"}', one(POSITIVE))),
        on=on,
    )


PYTHON = REQUESTS | {"Accept": "*/*"}
SCRIPT = (
    rb'{"source": "import nest\n# Reset kernel\nnest.ResetKernel()\n# Create nodes\nparams = '
    rb"{'rate': 6500.}\npg = nest.Create('poisson_generator', 1, params)\nneurons = "
    rb"nest.Create('iaf_psc_alpha', 1000)\nsr = nest.Create('spike_recorder')\n# Connect nodes\n"
    rb"nest.Connect(pg, neurons, syn_spec={'weight': 10.})\nnest.Connect(neurons[::10], sr)\n"
    rb"# Simulate\nnest.Simulate(1000.0)\n# Get events\nn_events = nest.GetStatus(sr, "
    rb"'n_events')[0]\nprint('Number of events:', n_events)\n"
    rb'", "return": "n_events"}'
)

DOCUMENTATION = [
    *(
        bash(kind, headers, GUARDED if headers else OPEN)
        for kind in (JSON, "application/x-www-form-urlencoded")
        for headers in ({}, {"NESTServerAuth": "{token}"}, {"Authorization": "Bearer {token}"})
    ),
    case(
        "documented curl of a script in a file",
        post(
            "/exec",
            SCRIPT,
            satisfying(
                lambda it: it["data"] > 0 and it["stdout"] == f"Number of events: {it['data']}\n"
            ),
            headers=CURL,
            kind=JSON,
            varies=True,
        ),
        on=OPEN,
    ),
    case(
        "documented addresses for a browser",
        get("/", has(nest="3.10.0"), headers=CURL, varies=True),
        get("/api", containing("Create", "GetDefaults"), headers=CURL),
        get("/api/Models", containing("iaf_psc_alpha", "static_synapse"), headers=CURL),
        get(
            "/api/Models?sel=iaf", satisfying(lambda it: all("iaf" in m for m in it)), headers=CURL
        ),
        get("/api/GetDefaults?model=iaf_cond_alpha", has(C_m=250.0), headers=CURL),
        get("/api/Create?inspect=getdoc", has(data=containing("Create")), headers=CURL),
        get("/api/Create?inspect=getsource", has(data=containing("def Create")), headers=CURL),
        on=OPEN,
    ),
    case(
        "documented Python with requests",
        get("/api/ResetKernel", None, headers=PYTHON),
        call(
            "GetDefaults",
            b'{"model": "iaf_psc_alpha"}',
            has(C_m=250.0),
            headers=PYTHON,
            varies=True,
        ),
        call(
            "Create", b'{"model": "iaf_psc_alpha", "n": 100}', list(range(1, 101)), headers=PYTHON
        ),
        on=OPEN,
    ),
    case(
        "documented script with NumPy",
        post(
            "/exec",
            b'{"source": "a = numpy.arange(10)", "return": "a"}',
            {"data": list(range(10))},
            headers=PYTHON,
        ),
    ),
]

CASES = [*NEST_DESKTOP, *NEST_CLIENT, *NRP_CORE, *JAVASCRIPT, *DOCUMENTATION]
