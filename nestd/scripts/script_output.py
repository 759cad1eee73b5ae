"""Output of one script, kept up to a limit."""

from __future__ import annotations

from nestd.scripts.settings import MIB


class ScriptOutput:
    """Printed output of a script.

    Parameters
    ----------
    limit_bytes : bytes that are kept; more is thrown away
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] = []
        self._bytes = 0
        #: Pieces that :meth:`take_new` has returned.
        self._taken = 0
        self._truncated = False

    def add(self, piece: bytes) -> bool:
        """Keep a piece as far as there is room; return whether all of it was kept."""
        kept = piece[: self._limit_bytes - self._bytes]
        if kept:
            self._pieces.append(kept)
            self._bytes += len(kept)
        if len(kept) < len(piece):
            self._truncated = True
            return False
        return True

    def take_new(self) -> bytes:
        """Return what has been kept since the last call."""
        new = self._pieces[self._taken :]
        self._taken = len(self._pieces)
        return b"".join(new)

    def text(self) -> str:
        """Return all that was kept as text, with a remark if more was printed."""
        text = b"".join(self._pieces).decode("utf-8", "replace")
        if self._truncated:
            text += f"\n… cut off after {self._limit_bytes // MIB} MiB\n"
        return text
