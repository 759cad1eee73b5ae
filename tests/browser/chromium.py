"""A Chromium without a window, that reaches nothing but this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from tests.integration.servers import DEADLINE_S

DEADLINE_MS = DEADLINE_S * 1000

#: A name of somebody else that leads to this machine, as whoever owns a name can have it do.
EVIL = "localhost.evil.example"

#: Names of a Chromium; playwright's own can't be downloaded everywhere.
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # NEST Desktop asks for fonts of another host. Playwright could refuse that too, but where it
    # looks into requests, it answers the browser's own questions about origins in the server's
    # place.
    f"--host-resolver-rules=MAP {EVIL} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium that knows nothing of earlier ones."""
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    assert executable, f"these tests need a Chromium: one of {', '.join(_BROWSERS)}"
    expect.set_options(timeout=DEADLINE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()
