"""Request to a server over HTTP, as its users send it."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from nestd.server.instance import Instance


def ask(instance: Instance, path: str, timeout_s: float) -> Any:
    """Return the JSON answer to ``GET path``; ``None`` without one of status 200 in time."""
    headers = {}
    token = instance.token()
    if token is not None:
        headers["NESTServerAuth"] = token
    with urllib3.PoolManager(retries=False) as pool:
        try:
            reply = pool.request("GET", instance.urls[0] + path, headers=headers, timeout=timeout_s)
            return json.loads(reply.data) if reply.status == 200 else None
        except (urllib3.exceptions.HTTPError, ValueError):
            return None
