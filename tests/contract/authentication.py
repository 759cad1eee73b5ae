"""The rows about the token."""

from __future__ import annotations

from pathlib import Path

from tests.contract.steps import OPEN, UNAUTHORIZED, Expected, call, case, get, request
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("authentication.txt"))


ADDRESSES = ROWS["ADDRESSES"]

RIGHT = [
    {"NESTServerAuth": "{token}"},
    {"nestserverauth": "{token}"},
    {"Authorization": "Bearer {token}"},
    {"authorization": "bearer {token}"},
    # One that is right is enough.
    {"NESTServerAuth": "wrong", "Authorization": "Bearer {token}"},
]

WRONG = ROWS["WRONG"]

UNTOUCHED = call("GetNodes", answer=[1])

CASES = [
    *(
        case(
            f"{method} {path} without the token is 403 in plain text, and does nothing",
            call("Create", ["iaf_psc_alpha"]),
            request(method, path, answer=UNAUTHORIZED, token=False),
            UNTOUCHED,
        )
        for method, path in ADDRESSES
    ),
    case(
        "HEAD / without the token is 403",
        request("HEAD", "/", answer=Expected(403, b""), token=False),
    ),
    *(
        case(
            f"token counts in {headers}", get("/api/resolution", 0.1, headers=headers, token=False)
        )
        for headers in RIGHT
    ),
    *(
        case(
            f"{name}: {value!r} is 403", get("/", UNAUTHORIZED, headers={name: value}, token=False)
        )
        for name, value in WRONG
    ),
    *(
        case(
            f"token in the address as {name} is no token",
            get(f"/?{name}={{token}}", UNAUTHORIZED, token=False),
        )
        for name in ("NESTServerAuth", "token", "access_token", "nest_server_access_token")
    ),
    *(
        case(
            f"OPTIONS {path} asks for no token and executes nothing",
            call("Create", ["iaf_psc_alpha"]),
            request("OPTIONS", path, answer=Expected(200), token=False),
            UNTOUCHED,
        )
        for path in ("/", "/api", "/api/ResetKernel", "/exec", "/release")
    ),
    case(
        "body without the token is not read as arguments",
        call("Create", b"{", UNAUTHORIZED, token=False),
    ),
    *(
        case(
            f"with authentication off, {headers} is as good as none",
            get("/api/resolution", 0.1, headers=headers),
            on=OPEN,
        )
        for headers in ({}, {"NESTServerAuth": "any"}, {"Authorization": "Bearer any"})
    ),
]
