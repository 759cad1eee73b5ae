"""Pages of other origins, empty but for what a test does in them."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _EmptyPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """An empty page, whatever was asked for."""
        body = b"<!doctype html><title>Somebody else's page</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: requests are no news."""


@contextmanager
def serve_empty_pages() -> Iterator[int]:
    """Serve empty pages on a free port for as long as this is open; gives the port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as pages:
        serving = threading.Thread(target=pages.serve_forever)
        serving.start()
        try:
            yield pages.server_port
        finally:
            pages.shutdown()
            serving.join()


@contextmanager
def record_requests() -> Iterator[tuple[int, list[str]]]:
    """Serve on a free port whoever asks, and gives the port and the paths that were asked for."""
    received: list[str] = []

    class Recorder(_EmptyPage):
        def do_GET(self) -> None:
            """Record the request, which any page may send."""
            received.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "*, nestserverauth, content-type")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            """Record that, too."""
            self.do_GET()

        def do_OPTIONS(self) -> None:
            """Allow what a page asks for."""
            self.do_GET()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as recorder:
        serving = threading.Thread(target=recorder.serve_forever)
        serving.start()
        try:
            yield recorder.server_port, received
        finally:
            recorder.shutdown()
            serving.join()
