"""Tabs of browsers that nobody has used before, and what is looked at in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import DEADLINE_MS
from tests.integration.servers import Server
from tests.sections import read_sections

TEXTS = dict(read_sections(Path(__file__).with_name("tabs.txt")))

Open = Callable[..., Page]

PHONE = {"width": 375, "height": 812}
SMALL_PHONE = {"width": 320, "height": 568}
DESKTOP = {"width": 1280, "height": 900}

#: What sticks out of the window at its side, and is not inside what scrolls by itself.
STICKING_OUT = """
() => [...document.querySelectorAll("body, body *:not(pre *, .unseen, .unseen *)")]
  .filter(element => {
    const box = element.getBoundingClientRect();
    return box.width && (box.left < 0 || box.right > document.documentElement.clientWidth + 0.5);
  })
  .map(element => element.outerHTML.slice(0, 100))
"""
#: Texts that are cut off by the box that they are in, or lie on each other.
OVERLAPPING = TEXTS["overlapping"]
#: How far things have moved by themselves since the page was opened (Cumulative Layout Shift).
SHIFTED = TEXTS["shifted"]
#: The element that has the focus: what it is called, and how it is marked.
FOCUSED = TEXTS["focused"]


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Open]:
    """Opens addresses in browsers that nobody has used before: ``open_tab(url, **settings)``."""
    contexts: list[BrowserContext] = []

    def open_it(url: str, **settings: Any) -> Page:
        contexts.append(browser.new_context(**settings))
        contexts[-1].set_default_timeout(DEADLINE_MS)
        page = contexts[-1].new_page()
        page.goto(url)
        return page

    yield open_it
    for context in contexts:
        context.close()


@contextmanager
def pictured(page: Page, path: Path) -> Iterator[None]:
    """Keep a picture of the page in ``path`` if what is done in this context fails."""
    try:
        yield
    except BaseException:
        page.screenshot(path=path, full_page=True)
        print(f"see {path}")
        raise


def link(server: Server) -> str:
    """The link to the page that the server prints."""
    return f"http://localhost:{server.port}/#token={server.token}"
