"""Replies of a server: JSON, MessagePack, or an error in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nest_remote.errors import NESTServerError
from protocol.warned import WARNINGS_HEADER
from protocol.wire.values import Buffer

#: What to do where the server refuses with 403.
_REFUSED_HINT = (
    ": the access token is missing or wrong; it is taken from token=…, NEST_SERVER_ACCESS_TOKEN, "
    "or the file of a server of your own on this machine"
)


@dataclass(frozen=True)
class Reply:
    """Reply of a server: status, body and headers."""

    #: HTTP status.
    status: int
    #: If it is large MessagePack, memory that belongs to who reads it, and may be changed.
    body: Buffer
    #: Whether the body is MessagePack; JSON or text if not.
    is_msgpack: bool
    headers: Mapping[str, str]

    @property
    def warnings(self) -> str:
        """Return the header that tells warnings; empty without any."""
        return self.headers.get(WARNINGS_HEADER, "")

    def json(self) -> Any:
        """Return the JSON in the body of a reply with status 200 or 202.

        Raises
        ------
        NESTServerError
            If the server refused.
        """
        if self.status in (200, 202):
            return json.loads(self.text())
        raise self.error()

    def text(self) -> str:
        """Return the body as text."""
        return bytes(self.body).decode("utf-8", "replace")

    def error(self) -> NESTServerError:
        """Return the error in a JSON or plain body."""
        try:
            facts = json.loads(self.text())
            return NESTServerError(
                facts["message"],
                facts.get("error") or "Error",
                self.status,
                facts.get("lineNumber"),
                facts.get("traceback") or "",
                facts.get("stdout") or "",
                facts.get("data"),
            )
        except (ValueError, KeyError, TypeError):
            text = self.text().strip()
            hint = _REFUSED_HINT if self.status == 403 else ""
            if 300 <= self.status < 400 or self.status == 401:
                hint = ": a proxy in between asks callers to sign in; give it what it wants as "
                hint += "headers=, such as {'Authorization': 'token …'}"
            return NESTServerError(f"{text or 'no explanation'}{hint}", "Unauthorized", self.status)
