"""The page of a server in a real browser: by hand, by link, on a phone, without eyes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.tabs import (
    DESKTOP,
    FOCUSED,
    OVERLAPPING,
    PHONE,
    SHIFTED,
    SMALL_PHONE,
    STICKING_OUT,
    Open,
    link,
    pictured,
)
from tests.integration.servers import DEADLINE_S, Server, Start


def fact(page: Page, name: str) -> Any:
    return page.locator("#facts dt", has_text=name).locator("xpath=following-sibling::dd")


def test_page_says_nothing_before_the_token_and_all_after_it(
    open_tab: Open, server: Server
) -> None:
    page = open_tab(f"http://localhost:{server.port}/")
    field = page.get_by_label("Access token", exact=True)
    expect(field).to_be_focused()
    info = server.get("/").json()
    for secret in (info["nest"], info["generation"], info["server"]):
        assert secret not in page.inner_text("body")
    field.fill("not the token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(
        "This server has another token. It makes a new one at each start."
    )
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    field.fill(f" {server.token} ")
    page.keyboard.press("Enter")
    expect(fact(page, "NEST")).to_have_text(info["nest"])
    expect(fact(page, "Server")).to_have_text(info["server"])
    expect(fact(page, "Ranks")).to_have_text("1")
    expect(fact(page, "Kernel").first).to_have_text(info["generation"])
    expect(fact(page, "Kernel started")).to_contain_text(":")
    expect(page.locator("#state")).to_have_text("idle")
    expect(field).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "state-title"
    # It is this tab's alone, and gone when it is told to.
    assert server.token == page.evaluate("sessionStorage.getItem('nest-server-token')")
    page.reload()
    expect(fact(page, "NEST")).to_have_text(info["nest"])
    page.get_by_role("button", name="Forget the access token").click()
    expect(field).to_be_focused()
    assert info["generation"] not in page.inner_text("body")
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_token_of_a_link_is_sent_to_the_server_alone_and_in_a_header(
    browser: Browser, server: Server
) -> None:
    token = server.token
    assert token
    with browser.new_context() as context:
        page = context.new_page()
        addresses: list[str] = []
        complaints: list[str] = []
        page.on(
            "request",
            lambda request: addresses.extend([request.url, request.headers.get("referer", "")]),
        )
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(link(server))
        expect(page.locator("#state")).to_have_text("idle")
        assert page.url == f"http://localhost:{server.port}/"
        assert not [url for url in addresses if token in url.partition("#")[0]]
        # No font, script or picture of anyone else.
        hosts = {urlsplit(url).netloc for url in addresses if url}
        assert hosts == {f"localhost:{server.port}"}
        assert complaints == []
        assert token not in page.content()
        assert page.evaluate("history.length") <= 2
        page.goto(f"http://localhost:{server.port}/#token=another")
        expect(page.get_by_role("alert")).to_contain_text("another token")
        page.goto(link(server))
        expect(page.locator("#state")).to_have_text("idle")


def test_page_without_authentication_asks_for_nothing(open_tab: Open, open_server: Server) -> None:
    page = open_tab(f"http://localhost:{open_server.port}/")
    expect(page.locator("#state")).to_have_text("idle")
    expect(page.get_by_text("not asked for")).to_be_visible()
    expect(page.get_by_label("Access token", exact=True)).to_be_hidden()


def test_page_follows_what_the_server_does(open_tab: Open, start: Start) -> None:
    server = start()
    page = open_tab(link(server))
    state = page.locator("#state")
    expect(state).to_have_text("idle")
    body = {"source": "import nest\nnest.Create('iaf_psc_alpha')\nwhile True: nest.Simulate(100.0)"}
    page.evaluate(
        "([url, token, body]) => void fetch(url, {method: 'POST', body: JSON.stringify(body), "
        "headers: {'NESTServerAuth': token, 'Content-Type': 'application/json'}})",
        [f"http://localhost:{server.port}/exec", server.token, body],
    )
    expect(state).to_have_text("busy")
    expect(fact(page, "Waiting")).to_have_text("0")
    assert server.request("DELETE", "/exec").json() == {"ended": True}
    expect(state).to_have_text("idle")

    info = server.connection_info()
    expect(fact(page, "Kernel").first).to_have_text(info["generation"])
    os.kill(info["pid"], signal.SIGKILL)
    expect(page.locator("#remark")).to_contain_text("network lost")
    expect(fact(page, "Kernel").first).not_to_have_text(info["generation"])
    expect(state).to_have_text("idle")

    server.stop()
    expect(state).to_have_text("no answer")
    expect(page.locator("#remark")).to_have_text("Nobody answers; still asking.")


#: Who copies, by the name of the button, with what, and what the lines print.
LINES = [
    ("nest_remote", [sys.executable], "-70.0"),
    ("NESTServerClient", [sys.executable], "-70.0"),
    ("curl", ["bash"], "[1,2]"),
]


@pytest.mark.parametrize(("name", "program", "printed"), LINES)
def test_lines_that_are_copied_run_as_they_are(
    open_tab: Open, server: Server, name: str, program: list[str], printed: str
) -> None:
    page = open_tab(link(server), permissions=["clipboard-read", "clipboard-write"])
    expect(page.locator("#state")).to_have_text("idle")
    button = page.get_by_role("button", name=f"lines for {name}")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_contain_text("Copied")
    lines = page.evaluate("navigator.clipboard.readText()")
    assert f"{server.port}" in lines
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        program,
        input=lines,
        env=server.runtime.environment({"PATH": path}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == [printed], done.stderr
    expect(button).to_have_text(f"Copy lines for {name}")


def test_lines_are_copied_where_browsers_have_no_clipboard_for_pages(
    open_tab: Open, server: Server
) -> None:
    page = open_tab("about:blank", permissions=["clipboard-read", "clipboard-write"])
    # As on a page of another machine without TLS.
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(link(server))
    page.get_by_role("button", name="lines for curl").click()
    expect(page.get_by_role("button", name="lines for curl")).to_contain_text("Copied")
    field = page.get_by_label("Access token", exact=True)
    page.get_by_role("button", name="Forget").click()
    expect(field).to_be_focused()
    page.keyboard.press("Control+V")
    assert f"localhost:{server.port}/api/Create" in field.input_value()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [SMALL_PHONE, PHONE, DESKTOP], ids=lambda size: size["width"])
@pytest.mark.parametrize("locked", [False, True], ids=["state", "locked"])
def test_page_fits_and_stays_where_it_is_and_can_be_read_by_everyone(
    open_tab: Open, server: Server, tmp_path: Path, locked: bool, size: Any, scheme: Any
) -> None:
    touch = size != DESKTOP
    url = f"http://localhost:{server.port}/" if locked else link(server)
    page = open_tab(url, viewport=size, color_scheme=scheme, has_touch=touch, is_mobile=touch)
    expect(page.locator("#state")).to_have_text("locked" if locked else "idle")
    with pictured(page, tmp_path / "page.png"):
        assert page.evaluate(STICKING_OUT) == []
        assert page.evaluate(OVERLAPPING) == []
        assert page.evaluate(SHIFTED) < 0.01
        small = page.evaluate(
            "least => [...document.querySelectorAll('button, input, a')].filter(one => "
            "getComputedStyle(one).visibility === 'visible' && one.getBoundingClientRect().height "
            "< least).map(one => one.outerHTML)",
            24,
        )
        assert small == []
        # The state is what the first look falls on.
        box = page.locator(".panel").first.bounding_box()
        assert box
        assert box["y"] + box["height"] < size["height"]
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_everything_is_reached_by_keyboard_in_the_order_of_reading(
    open_tab: Open, server: Server
) -> None:
    page = open_tab(link(server), viewport=DESKTOP)
    expect(page.locator("#state")).to_have_text("idle")
    reached = []
    while len(reached) < 30:
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        name, outline_px = focused
        assert outline_px >= 2, name
        reached.append(name)
    assert reached == [
        "Connect",
        "HTTP interface",
        "Forget the access token",
        "Jobs that wait",
        "Jobs that have ended",
        "Lines of the log",
        "Copy lines for NEST Desktop",
        "Lines for NEST Desktop",
        "Copy lines for nest_remote",
        "Lines for nest_remote",
        "Copy lines for NESTServerClient",
        "Lines for NESTServerClient",
        "Copy lines for curl",
        "Lines for curl",
    ]
