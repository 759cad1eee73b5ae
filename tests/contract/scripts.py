"""The rows about POST /exec."""

from __future__ import annotations

from typing import Any

from tests.contract.steps import (
    BOTH,
    FORM,
    Expected,
    call,
    case,
    containing,
    error,
    get,
    has,
    post,
    request,
    satisfying,
)

#: Body, answer.
ANSWERS: list[tuple[dict[str, Any], Any]] = [
    ({"source": ""}, {}),
    ({"source": "a = 1"}, {}),
    ({"source": "a = 1\nprint(a)"}, {"stdout": "1\n"}),
    ({"source": "a = 1", "return": "a"}, {"data": 1}),
    ({"source": "a = 1\nprint(a)", "return": "a"}, {"data": 1, "stdout": "1\n"}),
    ({"source": "a = 1", "return": ""}, {"data": None}),
    ({"source": "a = 1", "return": None}, {"data": None}),
    ({"source": "a = 1", "return": "b"}, {"data": None}),
    ({"source": "a = 1", "return": ["a", "b"]}, {"data": {"a": 1, "b": None}}),
    ({"source": "a = 1", "return": []}, {"data": {}}),
    ({"source": "a = 1", "return": "a", "response_keys": ["x"], "more": 1}, {"data": 1}),
    # Values as the table of docs/http.md has them.
    ({"source": "a = float('nan')", "return": "a"}, {"data": None}),
    ({"source": "a = float('inf')", "return": "a"}, {"data": None}),
    ({"source": "a = {(1, 2): {3, 4}}", "return": "a"}, {"data": {"(1, 2)": [3, 4]}}),
    ({"source": "a = 10 ** 30", "return": "a"}, {"data": str(10**30)}),
    *(
        ({"source": source, "return": "a"}, {"data": value})
        for source, value in [
            ("a = {3, 1}", [1, 3]),
            ("a = b'x'", {"$bytes": "eA=="}),
            ("a = 1 + 2j", {"real": 1.0, "imag": 2.0}),
            ("import nest\na = nest.random.uniform()", "<Parameter>"),
            ("a = [np.float32(0.5), np.bool_(True), np.inf]", [0.5, True, None]),
            # Ordinary Python.
            ("a = 1\na += 1", 2),
            ("a = []\nfor x, y in zip([1, 2], [3, 4]):\n    a.append(x * y)", [3, 8]),
            ("a = dict(b=1)", {"b": 1}),
            ("a = [i * c for i, c in enumerate('xy')]", ["", "y"]),
            ("a = sorted([3, 1, 2], key=lambda x: -x)", [3, 2, 1]),
            ("b = np.arange(4)\nb[1] = 7\na = b[1:3]", [7, 2]),
            ("a = 'abc'[1]", "b"),
            ("def f(*b, **c):\n    return [*b, *c]\na = f(*[1, 2], **{'d': 3})", [1, 2, "d"]),
        ]
    ),
    # Imports, of modules that are allowed unless told otherwise.
    ({"source": "import nest\na = nest.resolution", "return": "a"}, {"data": 0.1}),
    ({"source": "import numpy\na = numpy.arange(3)", "return": "a"}, {"data": [0, 1, 2]}),
    ({"source": "import numpy as np\na = np.arange(3)", "return": "a"}, {"data": [0, 1, 2]}),
    ({"source": "from numpy import arange\na = arange(3)", "return": "a"}, {"data": [0, 1, 2]}),
    # They are there without being imported, too.
    ({"source": "a = nest.Create('iaf_psc_alpha', 2)", "return": "a"}, {"data": [1, 2]}),
    ({"source": "a = np.arange(2) + numpy.ones(2)", "return": "a"}, {"data": [1.0, 2.0]}),
    # No import, although it begins like one.
    ({"source": "from_rate = 2\nimport_me = from_rate", "return": "import_me"}, {"data": 2}),
    ({"source": "a = '''\nimport this\n'''", "return": "a"}, {"data": "\nimport this\n"}),
]

#: Source, line, beginning of the message.
ERRORS = [
    ("x = 1\n\n1 / 0", 3, "ZeroDivisionError at line 3: division by zero"),
    ("import nest\nnest.Create('no')", 2, "UnknownModelName at line 2: no is not a known model"),
    ("def f():\n    return {}['a']\n\nf()", 2, "KeyError at line 2: 'a'"),
    ("a = (1\n", 1, "SyntaxError at line 1: '(' was never closed"),
    ("a = 1\n  b = 2", 2, "IndentationError at line 2: unexpected indent"),
    ("assert 1 == 2", 1, "AssertionError at line 1: no explanation"),
    ("assert 1 == 2, 'never'", 1, "AssertionError at line 1: never"),
    ("raise ValueError", 1, "ValueError at line 1: no explanation"),
    ("class Own(Exception):\n    pass\nraise Own('mine')", 3, "Own at line 3: mine"),
    ("def f(n):\n    return f(n + 1)\nf(0)", 2, "RecursionError at line 2: maximum recursion"),
    ("raise SystemExit(3)", 1, "SystemExit at line 1: the script ended itself with 3"),
    ("import nest\nnest.nope", 2, "AttributeError at line 2: module 'nest' has no"),
    ("import no_such_module", 1, " at line 1: "),
    ("x = '\N{GREEK SMALL LETTER ALPHA}'\nundefined", 2, "NameError at line 2: name 'undefined'"),
    ("import nest\nimport numpy as np\n\n1 / 0", 4, "ZeroDivisionError at line 4"),
]

#: Bodies that are no scripts.
NO_SCRIPTS: list[Any] = [
    None,
    3,
    [],
    ["a=1"],
    {},
    {"source": 3},
    {"source": None},
    {"source": "a", "return": 3},
    {"source": "a", "return": [1]},
    {"return": "a"},
]

CASES = [
    *(case(f"/exec {body}", post("/exec", body, answer), on=BOTH) for body, answer in ANSWERS),
    *(
        case(
            f"/exec {source!r} says its line",
            post(
                "/exec",
                {"source": source},
                error(
                    400,
                    None,
                    message,
                    lineNumber=line,
                    traceback=satisfying(lambda text: "runner" not in text),
                )
                if "Syntax" not in message and "Indentation" not in message
                else error(400, None, message, lineNumber=line),
                varies="no_such" in source,
            ),
            on=BOTH,
        )
        for source, line, message in ERRORS
    ),
    case(
        "error of a script has its output and its own frames",
        post(
            "/exec",
            {"source": "def inner(x):\n    print('in', x)\n    return 1 / x\n\ninner(0)"},
            error(
                400,
                "ZeroDivisionError",
                stdout="in 0\n",
                traceback=containing(
                    '  File "<script>", line 5, in <module>\n    inner(0)\n'
                    '  File "<script>", line 3, in inner\n    return 1 / x\n'
                ),
            ),
        ),
        on=BOTH,
    ),
    *(
        case(f"/exec {body} is refused", post("/exec", body, error(400, "MalformedRequest")))
        for body in NO_SCRIPTS
    ),
    case("GET /exec", get("/exec?source=a=1;b=2&return=a,b", {"data": {"a": 1, "b": 2}})),
    case(
        "script as a form",
        post(
            "/exec", b"source=a+%3D+1%0Aprint(a)&return=a", {"data": 1, "stdout": "1\n"}, kind=FORM
        ),
    ),
    case(
        "network of a script is that of all calls, its variables are its own",
        post(
            "/exec",
            {"source": "n = nest.Create('iaf_psc_alpha', 3)", "return": "n"},
            {"data": [1, 2, 3]},
        ),
        call("GetNodes", answer=[1, 2, 3]),
        call("Create", ["spike_recorder"], [4]),
        post("/exec", {"source": "n = nest.network_size", "return": "n"}, {"data": 4}),
        post("/exec", {"source": "n"}, error(400, "NameError")),
        on=BOTH,
    ),
    case(
        "script that fails leaves what it did",
        post(
            "/exec",
            {"source": "nest.Create('iaf_psc_alpha')\n1/0"},
            error(400, "ZeroDivisionError"),
        ),
        call("GetNodes", answer=[1]),
    ),
    case("there may be no script to end", request("DELETE", "/exec", answer={"ended": False})),
    case(
        "restricted script may import only what is allowed",
        post("/exec", {"source": "import os"}, error(400, None, "os", lineNumber=1)),
    ),
    case(
        "unrestricted script imports what it likes",
        post("/exec", {"source": "import os\na = os.sep", "return": "a"}, {"data": "/"}),
        on=("open",),
    ),
    case(
        "GET / says how scripts are confined",
        get("/", Expected(200, has(scripts=satisfying(lambda text: text != ""))), varies=True),
        on=BOTH,
    ),
]
