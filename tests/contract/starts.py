"""The rows about settings: a server for each, started with these variables."""

from __future__ import annotations

from dataclasses import dataclass

from tests.contract.browsers import DESKTOP, NO_LEAVE, echo
from tests.contract.steps import (
    JSON,
    UNAUTHORIZED,
    Case,
    Expected,
    call,
    case,
    error,
    get,
    post,
    request,
)


@dataclass(frozen=True)
class Start:
    """Variables, and what holds for a server that was started with them.

    Attributes
    ----------
    variables : NEST_SERVER_… by the rest of their names
    case : with its name, and the requests
    token : the token, if one was chosen; ``None`` for a server that asks for none
    """

    variables: dict[str, str]
    case: Case
    token: str | None

    def environment(self) -> dict[str, str]:
        """The variables for a process."""
        return {f"NEST_SERVER_{name}": value for name, value in self.variables.items()}


TOKEN = "a token of: my own"
RESTRICTED = post("/exec", {"source": "import os"}, error(400, None, "os", lineNumber=1))
UNRESTRICTED = post("/exec", {"source": "import os\na = os.sep", "return": "a"}, {"data": "/"})

ORIGINS = {
    "https://desktop.example": True,
    "http://lab.example": True,
    "http://lab.example:8000": True,
    "https://desktop.example:8443": False,
    "http://desktop.example": False,
    "https://desktop.example.evil.example": False,
    "https://lab.example": False,
    "http://lab.example.evil.example:80": False,
    DESKTOP: False,
}

STARTS = [
    Start(
        {
            "ACCESS_TOKEN": TOKEN,
            "DISABLE_AUTH": "0",
            "CORS_ORIGINS": "https://desktop.example, http://lab.example:*",
            "MODULES": "import nest; import math as m; from statistics import mean",
            "TIMEOUT": "1",
            "WORKERS": "4",
        },
        case(
            "own token, exact origins, modules as imports, timeout and workers without effect",
            get("/api/resolution", 0.1, headers={"NESTServerAuth": TOKEN}, token=False),
            get("/api/resolution", 0.1, headers={"Authorization": f"Bearer {TOKEN}"}, token=False),
            get("/", UNAUTHORIZED, headers={"NESTServerAuth": TOKEN[:-1]}, token=False),
            get("/", UNAUTHORIZED, token=False),
            *(
                get(
                    "/",
                    echo(200, origin) if allowed else Expected(200, headers=NO_LEAVE),
                    headers={"Origin": origin},
                )
                for origin, allowed in ORIGINS.items()
            ),
            post(
                "/exec",
                {"source": "x = [m.floor(m.pi), mean([1, 2, 3]), nest.resolution]", "return": "x"},
                {"data": [3, 2, 0.1]},
            ),
            post(
                "/exec",
                {"source": "from math import sqrt\nx = sqrt(4)", "return": "x"},
                {"data": 2.0},
            ),
            post("/exec", {"source": "import numpy"}, error(400, None, lineNumber=1)),
            RESTRICTED,
        ),
        TOKEN,
    ),
    Start(
        {"DISABLE_AUTH": "TRUE", "DISABLE_RESTRICTION": "on", "MODULES": "nest,numpy,math"},
        case(
            "no authentication and no restriction, modules as a list",
            get("/api/resolution", 0.1),
            request("POST", "/api/ResetKernel", answer=None, kind=JSON),
            UNRESTRICTED,
            post(
                "/exec",
                {
                    "source": "x = [math.floor(math.e), nest.resolution, numpy.pi > 3]",
                    "return": "x",
                },
                {"data": [2, 0.1, True]},
            ),
        ),
        None,
    ),
    Start(
        {"ACCESS_TOKEN": TOKEN, "RESTRICTION_OFF": "Yes"},
        case(
            "older name for no restriction, which implies nothing else",
            get("/", UNAUTHORIZED, token=False),
            UNRESTRICTED,
            get("/", Expected(200, headers=NO_LEAVE), headers={"Origin": "http://evil.example"}),
        ),
        TOKEN,
    ),
    Start(
        {
            "ACCESS_TOKEN": TOKEN,
            "RESTRICTION_OFF": "off",
            "DISABLE_AUTH": "False",
            "MODULES": "nest,numpy.linalg",
        },
        case(
            "words for no are no, dotted modules",
            get("/", UNAUTHORIZED, token=False),
            RESTRICTED,
            post(
                "/exec",
                {"source": "x = numpy.linalg.norm([3.0, 4.0])", "return": "x"},
                {"data": 5.0},
            ),
        ),
        TOKEN,
    ),
    Start(
        {"ACCESS_TOKEN": TOKEN, "ENABLE_EXEC_CALL": "no"},
        case(
            "scripts are off",
            post(
                "/exec", {"source": "a = 1"}, error(403, "Refused", "NEST_SERVER_ENABLE_EXEC_CALL")
            ),
            call("Create", ["iaf_psc_alpha"], [1]),
        ),
        TOKEN,
    ),
]
