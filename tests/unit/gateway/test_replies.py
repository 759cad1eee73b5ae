"""Form of a reply, as its caller prefers."""

from __future__ import annotations

import pytest

from gateway.http.replies import AS_JSON, AS_MSGPACK, accepted_form
from tests.unit.gateway.requests import request

MSGPACK = "application/x-msgpack"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", AS_JSON),
        ("*/*", AS_JSON),
        ("text/plain", AS_JSON),
        (MSGPACK, AS_MSGPACK),
        (f"{MSGPACK}, */*", AS_MSGPACK),
        (f"{MSGPACK};q=0.9, application/json;q=0.5", AS_MSGPACK),
        (f"{MSGPACK}, application/json", AS_MSGPACK),
        (f"application/json, {MSGPACK};q=0.1", AS_JSON),
        (f"*/*, {MSGPACK};q=0.5", AS_JSON),
        (f"{MSGPACK};q=0", AS_JSON),
        (f"{MSGPACK};q=0.1, text/html", AS_MSGPACK),
    ],
)
def test_form_is_what_the_caller_prefers(accept: str, form: str) -> None:
    assert accepted_form(request(Accept=accept)) == form
