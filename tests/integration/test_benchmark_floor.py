"""The floor that benchmarks compare with, which is of the gateway's own make."""

from __future__ import annotations

import requests

from benchmarks.servers import empty_flask_route, running
from gateway.server.reply import SERVER_NAME


def test_empty_route_is_served_as_the_gateway_is() -> None:
    with running(empty_flask_route()) as floor:
        reply = requests.get(f"http://127.0.0.1:{floor.port}/", timeout=10)
    assert (reply.status_code, reply.content) == (200, b"{}")
    assert reply.headers["Server"] == SERVER_NAME
