"""Who may call: whoever shows the token, in one of two headers."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import Headers

from gateway.http.authentication import shows_token

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    "headers",
    [
        {"NESTServerAuth": TOKEN},
        {"nestserverauth": TOKEN},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer  {TOKEN} "},
        {"NESTServerAuth": "wrong", "Authorization": f"Bearer {TOKEN}"},
        {"NESTServerAuth": TOKEN, "Authorization": "Basic eDp5"},
    ],
)
def test_token_is_taken_from_either_header(headers: dict[str, str]) -> None:
    assert shows_token(Headers(headers), TOKEN)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"NESTServerAuth": ""},
        {"NESTServerAuth": TOKEN[:-1]},
        {"NESTServerAuth": TOKEN + "0"},
        {"NESTServerAuth": TOKEN.upper()},
        {"NESTServerAuth": f"Bearer {TOKEN}"},
        {"NESTServerAuth": "\xff\u0100"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Authorization": ""},
        {"Cookie": f"NESTServerAuth={TOKEN}"},
    ],
)
def test_anything_else_shows_no_token(headers: dict[str, str]) -> None:
    assert not shows_token(Headers(headers), TOKEN)


def test_token_beyond_ascii_is_compared_as_utf_8() -> None:
    token = "schlüssel-鍵"
    # Header bytes reach the application as latin-1 text.
    arrived = token.encode("utf-8").decode("latin-1")
    assert shows_token(Headers({"NESTServerAuth": arrived}), token)
    assert shows_token(Headers({"Authorization": f"Bearer {arrived}"}), token)
    assert not shows_token(Headers({"NESTServerAuth": arrived[:-1]}), token)
