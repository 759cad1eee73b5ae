"""Scripts as the server takes them: source, and what a program has beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocol.wire.pack import Packer
from protocol.wire.values import Buffer


def program(source: str, name: str | None, argv: Sequence[str], archive: bytes) -> dict[str, Any]:
    """Return what a script that is a program has beside its source; nothing means its file."""
    fields: dict[str, Any] = {"name": name, "argv": list(argv), "archive": archive or None}
    return fields | ({"source": None} if archive and not source else {})


def packed_script(source: str, returns: Any, program: dict[str, Any] | None = None) -> list[Buffer]:
    """Return the body of a script in MessagePack, in pieces."""
    fields = {"source": source, "return": returns, **(program or {})}
    given = {key: value for key, value in fields.items() if value or key in ("source", "return")}
    if given["source"] is None:
        del given["source"]
    return Packer(tuples=True).pieces(given)
