"""Fixtures: one browser for all tests, and a new NEST Desktop for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desktop import Desktop, chromium, serve_files
from tests.integration.conftest import open_server, server, shared_open_server, shared_server

__all__ = [
    "browser",
    "desktop",
    "desktop_url",
    "open_server",
    "server",
    "shared_open_server",
    "shared_server",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def desktop_url() -> Iterator[str]:
    """Where the files of NEST Desktop are."""
    with serve_files() as url:
        yield url


@pytest.fixture
def desktop(browser: Browser, desktop_url: str) -> Iterator[Desktop]:
    """A NEST Desktop that nobody has used before."""
    opened = Desktop(browser, desktop_url)
    try:
        yield opened
    finally:
        opened.close()
