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
OVERLAPPING = """
() => {
  const visible = element => getComputedStyle(element).visibility === "visible";
  const kinds = "h1, h2, h3, p, dt, dd, pre, button, a.button, label";
  const texts = [...document.querySelectorAll(kinds)]
    .filter(element => visible(element) && !element.closest(".unseen") && element.innerText.trim());
  // What is scrolled out of a box is not seen.
  const boxes = texts.map(element => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const box = element.closest("[role=region]")?.getBoundingClientRect();
    if (!box) return { left, right, top, bottom };
    const [from, to] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
    return { left, right, top: from, bottom: to };
  });
  const found = [];
  texts.forEach((one, i) => texts.forEach((other, j) => {
    if (i >= j || one.contains(other) || other.contains(one)) return;
    const [a, b] = [boxes[i], boxes[j]];
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (width > 1 && height > 1) found.push([one.innerText, other.innerText]);
  }));
  return found;
}
"""
#: How far things have moved by themselves since the page was opened (Cumulative Layout Shift).
SHIFTED = """
() => new Promise(resolve => {
  let sum = 0;
  const observer = new PerformanceObserver(list => {
    for (const entry of list.getEntries()) sum += entry.value;
  });
  observer.observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
})
"""
#: The element that has the focus: what it is called, and how it is marked.
FOCUSED = """
() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const name = element.getAttribute("aria-label")
    ?? element.labels?.[0]?.textContent ?? element.textContent;
  const style = getComputedStyle(element);
  return [name.trim(), style.outlineStyle === "solid" ? parseFloat(style.outlineWidth) : 0];
}
"""


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
