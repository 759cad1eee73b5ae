"""What a program that does not start has printed about the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Before the reason, where nestd itself says it.
_SENTENCE = "nestd can't start: "
_FRAME = re.compile(r"-{20,}$")
_END_OF_SENTENCE = re.compile(r"[.:] |[.:]$")


def printed_reason(lines: Sequence[str]) -> str:
    """The line of ``lines`` that tells most; empty if there is none.

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
