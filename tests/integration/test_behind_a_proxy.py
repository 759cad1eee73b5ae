"""Clients behind a proxy that gives the server a path, and wants a header of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

import nest_remote
from nest_remote.http.connection import HttpConnection
from NESTServerClient import NESTServerClient
from tests.integration.servers import DEADLINE_S, Server

PREFIX = "/user/me%40lab/proxy/52425"
WANTED = {"Authorization": "token of-the-hub"}


@contextmanager
def proxy(server: Server) -> Iterator[str]:
    """A proxy as JupyterHub has it; its address of the server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            if self.headers["Authorization"] != WANTED["Authorization"]:
                self.answer(302, b"", {"Location": "/hub/login"})
                return
            if not self.path.startswith(f"{PREFIX}/"):
                self.answer(404, b"no such service", {})
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = requests.request(
                self.command,
                server.url + self.path.removeprefix(PREFIX),
                data=body,
                headers={k: v for k, v in self.headers.items() if k.lower() != "host"},
                timeout=DEADLINE_S,
            )
            kept = {k: v for k, v in reply.headers.items() if k in ("Content-Type", "Location")}
            self.answer(reply.status_code, reply.content, kept)

        def do_GET(self) -> None:
            self.handle_any()

        def do_POST(self) -> None:
            self.handle_any()

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}{PREFIX}"
        finally:
            running.shutdown()
            thread.join()


def test_clients_call_a_server_behind_a_proxy(server: Server, tmp_path: Path) -> None:
    with proxy(server) as url:
        nest_remote.connect(url + "/", server.token, headers=WANTED)
        client = NESTServerClient(url, token=server.token, headers=WANTED)
        assert repr(client) == f"NESTServerClient('{url}')"
        for label, nest in (("one", nest_remote), ("other", client)):
            assert nest.Create("iaf_psc_alpha", 2).tolist()[-1] % 2 == 0
            assert nest.submit("GetNodes").result(timeout=DEADLINE_S).tolist()[:2] == [1, 2]
            assert len(nest.jobs()) > 0
            nest.Create("spike_recorder", params={"record_to": "ascii", "label": label})
            nest.Simulate(1.0)
            (name,) = [file["name"] for file in nest.files() if file["name"].startswith(label)]
            assert nest.download(name, tmp_path).exists()
            nest.ResetKernel()
        assert "Simulate" in dir(client)
        client.close()
        nest_remote.disconnect()
        with pytest.raises(
            nest_remote.NESTServerError, match=r"a proxy in between asks .* sign in"
        ):
            nest_remote.connect(url, server.token)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("host", "http://host:52425"),
        ("http://host/", "http://host:52425"),
        ("https://host", "https://host:443"),
        ("http://host:8000/user/me", "http://host:8000/user/me"),
        ("https://host/user/me/", "https://host:443/user/me"),
        # A path is that of a proxy, which has the usual port.
        ("http://host/nest", "http://host:80/nest"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://host/my server", "http://host:80/my%20server"),
    ],
)
def test_address_is_host_port_and_path(url: str, found: str) -> None:
    assert HttpConnection.to(url).url == found


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host", "no address of a server, such as"),
        ("http://", "no address of a server, such as"),
        ("http://host:port", "no address of a server: "),
        ("http://me:secret@host", "give its token as token="),
        ("http://host/?token=secret", "give its token as token="),
        ("http://host/#token=secret", "give its token as token="),
    ],
)
def test_what_is_no_address_is_refused(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        NESTServerClient(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "port", "found"),
    [
        ("::1", 5000, "http://[::1]:5000"),
        ("[::1]", 5000, "http://[::1]:5000"),
        ("host", 5000, "http://host:5000"),
        ("http://host", 5000, "http://host:5000"),
        ("http://host:1234", 5000, "http://host:1234"),
    ],
)
def test_client_takes_host_and_port(host: str, port: int, found: str) -> None:
    assert repr(NESTServerClient(host, port)) == f"NESTServerClient({found!r})"
