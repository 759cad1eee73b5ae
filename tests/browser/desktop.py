"""NEST Desktop, from its package of the package index, in a browser that a test drives."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Locator, Page, Response, expect

from tests.browser.chromium import DEADLINE_MS
from tests.integration.servers import Server

#: The projects that NEST Desktop comes with.
PROJECTS = (
    "spike activity",
    "spatial neurons",
    "spike response",
    "step current response",
    "spatial spike activity",
)

#: Whether NEST Desktop has stored that it has read its own configuration.
_CONFIGURED = """
() => (localStorage.getItem("nest-backend-store") ?? "").includes('"loadedFromAssets":true')
"""

#: Number of points of each trace of each plot, once there are plots and all traces have some.
_POINTS = """
() => {
  const plots = [...document.querySelectorAll(".js-plotly-plot")];
  const points = plots.map(plot => (plot.data ?? []).map(trace => (trace.x ?? []).length));
  return points.length && points.every(one => one.length && one.every(n => n)) && points;
}
"""


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: requests are no news."""


@contextmanager
def serve_files() -> Iterator[str]:
    """Serve NEST Desktop on a free port for as long as this is open; gives its URL."""
    with resources.as_file(resources.files("nest_desktop") / "app") as directory:
        handler = functools.partial(_Files, directory=str(directory))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as files:
            serving = threading.Thread(target=files.serve_forever)
            serving.start()
            try:
                yield f"http://localhost:{files.server_port}"
            finally:
                files.shutdown()
                serving.join()


class Desktop:
    """A NEST Desktop that nobody has used before.

    Parameters
    ----------
    browser : opens it
    url : of its files

    Attributes
    ----------
    page : what it is in
    faults : errors that nobody in the page has caught, since it is connected
    requested : addresses that it has asked for
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._url = url
        self._context = browser.new_context(
            viewport={"width": 1600, "height": 1000}, service_workers="block"
        )
        self._context.set_default_timeout(DEADLINE_MS)
        self.page: Page = self._context.new_page()
        self.faults: list[str] = []
        self.requested: list[str] = []
        self.page.on("request", lambda request: self.requested.append(request.url))

    def close(self) -> None:
        """Close and forget it."""
        self._context.close()

    def connect(self, server: Server) -> None:
        """Open it by a link to ``server``, as the server prints one, until it has its models."""
        query = {
            "nest_server_url": f"http://localhost:{server.port}",
            "nest_server_access_token": server.token,
        }
        self.page.goto(f"{self._url}/#/nest?{urlencode(query)}")
        self._await_projects()
        # When it is opened for the first time, its configuration, with port 52425, comes later
        # than the link and wins; and it reads its projects before the models that they need.
        self.page.wait_for_function(_CONFIGURED)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        with self.page.expect_response("**/api/GetKernelStatus"):
            self.page.reload()
        self._await_projects()

    def connect_by_link(self, server: Server) -> None:
        """Open that of ``server`` itself by the link that it prints, and do nothing else."""
        self.page.goto(f"http://localhost:{server.port}/desktop/start#token={server.token}")
        self._await_projects()
        # Two things are missing at its very first start, which it gets over by itself.
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def sign_in_at(self, server: Server, place: str) -> None:
        """Open that of ``server`` in a tab without the token, and type the token in."""
        assert server.token
        self.page.goto(f"http://localhost:{server.port}/desktop/{place}")
        self.page.get_by_label("Access token").fill(server.token)
        self.page.get_by_role("button", name="Show").click()

    def _await_projects(self) -> None:
        # Before they are there, the page of projects stays empty.
        for name in PROJECTS:
            expect(self.page.get_by_text(name, exact=True).first).to_be_visible()

    def open_project(self, name: str) -> None:
        """Open one of the projects that it comes with."""
        self.page.get_by_title("Sandbox").click()
        self.page.get_by_role("link", name=f"{name} ").get_by_text(name, exact=True).click()
        expect(self.page.locator("header").get_by_text(name, exact=True)).to_be_visible()

    def simulate(self) -> Response:
        """Press Simulate; gives the server's answer."""
        with self.page.expect_response("**/exec") as answered:
            self.page.get_by_role("button", name="Simulate").click()
        return answered.value

    def ping(self) -> Response:
        """Ask the server by the button at the bottom that has its name."""
        with self.page.expect_response(lambda response: response.url.endswith("/")) as answered:
            # A pointer does not get there while it waits for a simulation.
            self.page.get_by_role("button", name="nest", exact=True).dispatch_event("click")
        return answered.value

    @property
    def health(self) -> Locator:
        """The dot at the bottom that says by its colour whether there is a server."""
        return self.page.get_by_role("button", name="nest", exact=True).locator(".mdi-circle")

    def toast(self, text: str) -> Locator:
        """What it says for a moment, if it has ``text``."""
        return self.page.locator(".v-snackbar__content", has_text=text)

    def points(self) -> list[list[int]]:
        """Number of points of each trace of each plot, when all have some."""
        found: list[list[int]] = self.page.wait_for_function(_POINTS).json_value()
        return found

    def insert_line(self, after: str, line: str) -> None:
        """Type a line into its code panel, below that which reads ``after``."""
        self.page.get_by_text("code", exact=True).click()
        self._code.locator(".cm-line").get_by_text(after, exact=True).click()
        self.page.keyboard.press("End")
        self.page.keyboard.press("Enter")
        self.page.keyboard.type(line)

    @property
    def marked_lines(self) -> Locator:
        """Lines of the code panel that are marked as wrong."""
        return self._code.locator(".cm-errorLine")

    @property
    def _code(self) -> Locator:
        # There is another one, folded away, at the bottom of the page.
        return self.page.locator("nav .cm-editor")
