"""The rows about POST /exec."""

from __future__ import annotations

from pathlib import Path
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
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("scripts.txt"))


#: Body, answer.
ANSWERS: list[tuple[dict[str, Any], Any]] = [
    *ROWS["ANSWERS"],
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
]

ERRORS = ROWS["ERRORS"]

NO_SCRIPTS: list[Any] = ROWS["NO_SCRIPTS"]

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
