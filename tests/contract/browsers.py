"""The rows about web pages: CORS, preflights, and foreign pages with authentication off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.contract.steps import (
    FORM,
    JSON,
    OPEN,
    Expected,
    call,
    case,
    containing,
    error,
    get,
    post,
    request,
)
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("browsers.txt"))


DESKTOP = "http://localhost:54286"

ALLOWED = [
    DESKTOP,
    "http://localhost",
    "http://localhost:8000",
    "http://127.0.0.1:54286",
    "http://127.0.0.1",
]
FOREIGN = ROWS["FOREIGN"]

#: No header that lets a page read.
NO_LEAVE: dict[str, Any] = {
    "Access-Control-Allow-Origin": None,
    "Access-Control-Allow-Methods": None,
    "Access-Control-Allow-Headers": None,
    "Access-Control-Allow-Private-Network": None,
    "Access-Control-Expose-Headers": None,
    "Vary": containing("Origin"),
}


def echo(status: int, origin: str = DESKTOP) -> Expected:
    """An answer that pages of ``origin`` may read."""
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Vary": containing("Origin"),
        "Access-Control-Expose-Headers": containing("NEST-Kernel-Generation"),
    }
    return Expected(status, headers=headers)


def preflight(path: str, origin: str, answer: Expected, **asked: str) -> Any:
    """What a browser asks before it sends a page's request."""
    headers = {"Origin": origin} | {
        f"Access-Control-Request-{name.replace('_', '-')}": value for name, value in asked.items()
    }
    return request("OPTIONS", path, answer=answer, headers=headers, token=False)


def granted(wanted: str | None, origin: str = DESKTOP) -> Expected:
    """An answer to a preflight that allows what was asked for."""
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": containing("GET", "POST"),
        "Access-Control-Allow-Headers": wanted,
        "Vary": containing("Origin"),
    }
    return Expected(200, headers=headers)


#: Method, path, body, with token, status: pages have to be able to read errors, too.
ANSWERS: list[tuple[str, str, Any, bool, int]] = [
    *ROWS["ANSWERS"],
    ("POST", "/api/Create", b" " * ((64 << 20) + 1), True, 413),
]

WANTED = ROWS["WANTED"]

REFUSED: list[dict[str, str]] = ROWS["REFUSED"]
UNMARKED: list[dict[str, str]] = ROWS["UNMARKED"]
ACCEPTED: list[dict[str, str]] = [
    *ROWS["ACCEPTED"],
    {"Origin": DESKTOP},
    {"Origin": DESKTOP, "Sec-Fetch-Site": "cross-site"},
]
#: Calls that change something, as pages can send them without a preflight.
CHANGES: list[tuple[str, str, bytes, str]] = [
    *ROWS["CHANGES"],
    ("POST", "/api/Create", b"model=iaf_psc_alpha", FORM),
]

CASES = [
    *(
        case(
            f"{method} {path} {body[:12]!r} that is {status} can be read by an allowed page",
            request(
                method,
                path,
                body,
                echo(status),
                headers={"Origin": DESKTOP},
                token=token,
                varies=True,
            ),
        )
        for method, path, body, token, status in ANSWERS
    ),
    *(
        case(
            f"pages of {origin} are allowed",
            get("/", echo(200, origin), headers={"Origin": origin}, varies=True),
        )
        for origin in ALLOWED
    ),
    *(
        case(
            f"pages of {origin} may read nothing, not even with the token",
            get("/api/GetNodes", Expected(200, headers=NO_LEAVE), headers={"Origin": origin}),
            preflight(
                "/api/GetNodes",
                origin,
                Expected(200, headers=NO_LEAVE),
                Method="POST",
                Headers="nestserverauth",
                Private_Network="true",
            ),
        )
        for origin in FOREIGN
    ),
    case(
        "without an origin there are no CORS headers",
        get("/", Expected(200, headers=NO_LEAVE), varies=True),
    ),
    *(
        case(
            f"preflight of {method} {path} with {wanted} is granted",
            preflight(
                path,
                DESKTOP,
                granted(wanted),
                Method=method,
                **({"Headers": wanted} if wanted else {}),
            ),
        )
        for path in ("/", "/api", "/api/Create", "/exec", "/release")
        for method in ("GET", "POST")
        for wanted in WANTED
    ),
    case(
        "preflight lets allowed pages of public networks reach this one",
        preflight(
            "/api/Create",
            DESKTOP,
            Expected(200, headers={"Access-Control-Allow-Private-Network": "true"}),
            Private_Network="true",
        ),
    ),
    *(
        case(
            f"{headers} is refused {method} {path} {body.decode()} even with authentication off",
            call("ResetKernel", b""),
            call("Create", ["iaf_psc_alpha"], [1]),
            request(
                method,
                path,
                body,
                Expected(
                    403,
                    error(403, "Refused").body,
                    {"Content-Type": JSON, "Access-Control-Allow-Origin": None},
                ),
                kind=kind,
                headers=headers,
            ),
            call("GetKernelStatus", ["network_size"], 1),
            on=OPEN,
        )
        for headers in [*REFUSED, *UNMARKED]
        for method, path, body, kind in CHANGES
    ),
    *(
        case(
            f"{headers} is no reason to refuse with authentication off",
            post("/api/Create", b'["iaf_psc_alpha"]', [1], headers=headers, kind=JSON),
            on=OPEN,
        )
        for headers in ACCEPTED
    ),
    *(
        case(f"{headers} does not matter with the token", get("/api/GetNodes", [], headers=headers))
        for headers in REFUSED
    ),
]
