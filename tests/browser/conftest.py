"""Fixtures: one browser for all tests, servers for it, and a new NEST Desktop for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import chromium
from tests.browser.desktop import Desktop, serve_files
from tests.browser.tabs import open_tab
from tests.integration.conftest import (
    open_server,
    runtime,
    server,
    shared_open_server,
    shared_server,
    start,
)
from tests.integration.servers import MPI_PYTHON, Server, serving

__all__ = [
    "browser",
    "desktop",
    "desktop_url",
    "open_server",
    "open_tab",
    "runtime",
    "server",
    "shared_open_server",
    "shared_server",
    "start",
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


@pytest.fixture(scope="session")
def shared_with_desktop() -> Iterator[Server]:
    """A server with NEST Desktop in it."""
    yield from serving(None, "--desktop")


@pytest.fixture
def server_with_desktop(shared_with_desktop: Server) -> Server:
    """A server with NEST Desktop in it, and an empty network."""
    shared_with_desktop.call("ResetKernel")
    return shared_with_desktop


@pytest.fixture(scope="session")
def shared_on_two_ranks() -> Iterator[Server]:
    """A server on two ranks."""
    yield from serving(None, "-n", "2", python=MPI_PYTHON)


@pytest.fixture
def server_on_two_ranks(shared_on_two_ranks: Server) -> Server:
    """A server on two ranks with an empty network."""
    shared_on_two_ranks.call("ResetKernel")
    return shared_on_two_ranks
