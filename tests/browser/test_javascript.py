"""JavaScript of pages: that of the guide, and requests as NEST's documentation makes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.integration.servers import DEADLINE_S, Server
from tests.sections import read_sections
from tests.system.documents import ROOT, blocks, matches

TEXTS = dict(read_sections(Path(__file__).with_name("javascript.txt")))

#: XMLHttpRequest with the header that the recipes set, a response's in a request.
SEND = TEXTS["send"]


@pytest.fixture
def page(browser: Browser, desktop_url: str) -> Iterator[Page]:
    """A page of this machine, on another port than the server."""
    context = browser.new_context()
    context.set_default_timeout(DEADLINE_S * 1000)
    opened = context.new_page()
    opened.goto(f"{desktop_url}/favicon.ico")
    yield opened
    context.close()


def address(server: Server) -> str:
    """Of ``server``, by the only name that the browser of the tests knows."""
    return f"http://localhost:{server.port}"


def test_requests_of_the_documentation_are_answered_in_a_page(
    page: Page, open_server: Server
) -> None:
    def send(method: str, path: str, body: Any = None) -> Any:
        sent = None if body is None else json.dumps(body)
        status, text = page.evaluate(SEND, [method, address(open_server) + path, sent])
        assert status == 200, text
        return json.loads(text)

    assert send("GET", "/")["nest"] == "3.10.0"
    assert "iaf_psc_alpha" in send("GET", "/api/Models")
    assert send("POST", "/api/GetDefaults", {"model": "iaf_psc_alpha"})["C_m"] == 250.0
    script = {"source": "data = nest.GetDefaults('iaf_psc_alpha')", "return": "data"}
    assert send("POST", "/exec", script)["data"]["C_m"] == 250.0


def test_javascript_of_the_guide_runs_in_a_page(page: Page, server: Server) -> None:
    found = blocks(ROOT / "docs" / "guide.md")
    places = [place for place, block in enumerate(found) if block.language == "javascript"]
    assert places
    printed: list[str] = []
    page.on("console", lambda message: printed.append(message.text))
    for place in places:
        code = found[place].text.replace("http://127.0.0.1:52425", address(server))
        assert server.token is not None
        code = code.replace("the access token", server.token)
        page.evaluate(f"(async () => {{ {code} }})()")
        # A browser also says on its console that a request was answered 400.
        said = [line for line in printed if not line.startswith("Failed to load resource")]
        assert matches(found[place + 1].text, "\n".join(said) + "\n")
        printed.clear()
