"""Line that a program which does not start has printed about the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from protocol.logging import lines as log_lines
from protocol.process.polling import poll_until

#: Before the reason, where nestd itself says it.
_SENTENCE = "nestd can't start: "
_FRAME = re.compile(r"-{20,}$")
_END_OF_SENTENCE = re.compile(r"[.:] |[.:]$")

#: How long the log may take to show what a program has printed at its end.
LOG_DEADLINE_S = 5.0


def read_startup_error(log_file: Path, start: int, pipe: IO[bytes], child: str) -> str:
    """Return the startup error of a program that has ended, read from the log.

    Parameters
    ----------
    log_file : the log
    start : length of the log before this server wrote to it
    pipe : the pipe that the program printed to; a mark is written behind all that it printed
    child : names the program and its start
    """
    mark = f"end of the output of {child}"
    pipe.write(f"{mark}\n".encode())

    def read() -> list[dict[str, Any]] | None:
        try:
            text = log_file.read_bytes()[start:].decode(errors="replace")
        except OSError:
            return None
        parsed = [log_lines.parse(line) for line in text.splitlines()]
        return parsed if any(line.get("msg") == mark for line in parsed) else None

    printed = [
        str(line["msg"])
        for line in poll_until(read, LOG_DEADLINE_S) or []
        if line.get("printed") and line["msg"] != mark
    ]
    return startup_error(printed) or f"see {log_file}"


def startup_error(lines: Sequence[str]) -> str:
    """Return the line of ``lines`` that tells most; empty if there is none.

    A program that can't start ends with a sentence or a traceback, and an MPI launcher adds a page
    framed by lines of dashes, or prints nothing but one.
    """
    outside: list[str] = []
    pages: list[list[str]] = []
    is_inside = False
    for line in lines:
        if _FRAME.match(line.strip()):
            is_inside = not is_inside
            if is_inside:
                pages.append([])
        elif line.strip(" -"):
            (pages[-1] if is_inside else outside).append(line.strip())
    sentences = [line for line in outside if line.startswith(_SENTENCE)]
    if sentences:
        return sentences[-1].removeprefix(_SENTENCE)
    if outside:
        return outside[-1]
    page = " ".join(pages[0]) if pages else ""
    end = _END_OF_SENTENCE.search(page)
    return page if end is None else page[: end.start()]
