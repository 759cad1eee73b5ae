"""Requests of a client, each with its entry in the accounts."""

from __future__ import annotations

import json
import random
import socket
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.acceptance.soak.accounts import Accounts, Entry, Outcome
from tests.acceptance.soak.ledger import Ledger
from tests.integration.servers import DEADLINE_S, Server

#: Ended by a fault, an answer comes when it is over, and what waits before it has ended.
PATIENCE_S = 2 * DEADLINE_S


@dataclass
class Asking:
    """How a client asks; used by one thread."""

    server: Server
    accounts: Accounts
    ledger: Ledger
    chance: random.Random
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def headers(self) -> dict[str, str]:
        """That every request has."""
        return {"NESTServerAuth": self.server.token or ""}

    def ask(
        self,
        kind: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        refusable: bool = False,
        headers: dict[str, str] | None = None,
    ) -> requests.Response | None:
        """The answer to a request, whatever it is; ``None`` if there is none."""
        entry = self.accounts.open(kind, refusable)
        # A new connection half the time, else one that is kept.
        send = self.chance.choice((requests.request, self.session.request))
        try:
            reply = send(
                method,
                self.server.url + path,
                json=body,
                headers=self.headers | (headers or {}),
                timeout=PATIENCE_S,
            )
        except requests.Timeout as error:
            entry.close(Outcome.UNANSWERED, f"{method} {path}: {error}")
            return None
        except requests.RequestException as error:
            entry.close(Outcome.LOST, f"{method} {path}: {error}")
            return None
        close_by(entry, reply.status_code, reply.content, f"{method} {path}")
        return reply

    def connect(self) -> socket.socket:
        """A connection to the gateway."""
        return socket.create_connection(("127.0.0.1", self.server.port), PATIENCE_S)


def close_by(entry: Entry, status: int, content: bytes, what: str) -> None:
    """Close an entry by the answer to it."""
    if status < 400:
        entry.close(Outcome.ANSWERED)
        return
    said = f"{what}: {status} {content[:300].decode(errors='replace')}"
    if (status, content.strip()) == (403, b"Unauthorized"):
        entry.close(Outcome.REFUSED, said)
        return
    try:
        error = json.loads(content)
        reason, name = error["message"], error["error"]
    except (ValueError, KeyError, TypeError):
        entry.close(Outcome.UNREASONED, said)
        return
    if not reason:
        entry.close(Outcome.UNREASONED, said)
    elif status == 503 and name == "QueueFull":
        entry.close(Outcome.QUEUE_FULL, said)
    elif name == "Cancelled":
        entry.close(Outcome.CANCELLED, said)
    else:
        entry.close(Outcome.FAILED if status >= 500 else Outcome.REFUSED, said)
