"""The page that shows what the server says of itself, in a browser without any network."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.integration.servers import DEADLINE_S, Server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of its own, whose requests and complaints are kept in its attributes."""
    # Swagger UI draws no more than what is on the screen.
    context = browser.new_context(service_workers="block", viewport={"width": 1200, "height": 6000})
    context.set_default_timeout(DEADLINE_S * 1000)
    expect.set_options(timeout=DEADLINE_S * 1000)
    opened = context.new_page()
    yield opened
    context.close()


def open_create(page: Page, server: Server) -> Locator:
    """Open the page by a link with the token, and in it what says of Create."""
    page.goto(f"http://localhost:{server.port}/api-docs/#token={server.token}")
    page.get_by_text("PyNEST: nodes", exact=True).click()
    operation = page.locator(".opblock-post").filter(
        has=page.get_by_text("/api/Create", exact=True)
    )
    expect(operation).to_contain_text("Create one or more nodes.")
    operation.get_by_role("button").first.click()
    return operation


def test_page_shows_every_call_and_asks_this_server_alone(server: Server, page: Page) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    operation = open_create(page, server)
    expect(operation).to_contain_text("Name of the model to create")
    headings = page.locator(".opblock-tag > a").all_inner_texts()
    tags = server.get("/openapi.json").json()["tags"]
    assert [heading.replace("\u200b", "") for heading in headings] == [tag["name"] for tag in tags]
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {
        f"localhost:{server.port}"
    }
    assert complaints == []
    # The token is in no address: not in one that was sent, nor in the one that is shown.
    assert server.token
    assert not any(server.token in url for url in [*asked[1:], page.url])


def test_call_can_be_tried_from_the_page(server: Server, page: Page) -> None:
    operation = open_create(page, server)
    operation.get_by_role("button", name="Try it out").click()
    with page.expect_response("**/api/Create") as answered:
        operation.get_by_role("button", name="Execute").click()
    assert answered.value.status == 200
    assert answered.value.json() == [1]
    assert server.call("network_size") == 1


def test_page_asks_for_the_token_and_keeps_it_for_its_tab(server: Server, page: Page) -> None:
    page.goto(f"http://localhost:{server.port}/api-docs/")
    field = page.get_by_label("Access token of this server")
    field.fill("wrong")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("This is not the token of this server.")).to_be_visible()
    assert server.token
    field.fill(server.token)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("PyNEST: nodes", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_text("PyNEST: nodes", exact=True)).to_be_visible()
    assert page.evaluate("localStorage.length") == 0
