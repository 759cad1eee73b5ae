"""What a server tells of, read as it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from tests.integration.servers import DEADLINE_S, Server


@contextmanager
def events(server: Server, query: str = "", last: str | None = None) -> Iterator[Iterator[Any]]:
    """Gives what happens: id, kind and facts of each event."""
    headers = {"NESTServerAuth": server.token or ""}
    if last is not None:
        headers["Last-Event-ID"] = last
    with requests.get(
        f"{server.url}/events{query}", headers=headers, stream=True, timeout=DEADLINE_S
    ) as reply:
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        lines = reply.iter_lines(chunk_size=None)
        assert next(lines) == b": events"

        def read() -> Iterator[Any]:
            found: dict[str, str] = {}
            for line in lines:
                if line.startswith(b":"):
                    continue
                if line:
                    name, _, value = line.decode().partition(": ")
                    found[name] = value
                elif found:
                    yield found["id"], found["event"], json.loads(found["data"])
                    found = {}

        yield read()
