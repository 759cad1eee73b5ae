"""Errors made of scripts' exceptions, with the line of the posted source and the traceback."""

from __future__ import annotations

import linecache
import re
import traceback
from types import TracebackType

from protocol.errors import ScriptError
from protocol.wire.encoder import as_text

#: File name that Python has for a script's source.
SCRIPT = "<script>"

_MESSAGE_LIMIT = 10_000

#: Lines that are commands in notebooks: ``%matplotlib inline``, ``!ls``, ``x = !ls``, ``nest?``.
_NOTEBOOK_LINE = re.compile(r"^[%!?]|^\w+ *= *[%!]|\?$")


def script_error(error: BaseException, memory_bytes: int) -> ScriptError:
    """Make the error that callers get for an exception of a script.

    Parameters
    ----------
    error : exception that was caught around the script
    memory_bytes : memory that the script was allowed
    """
    name = type(error).__name__
    if isinstance(error, SyntaxError) and error.filename == SCRIPT:
        line_text = linecache.getline(SCRIPT, error.lineno or 0).strip()
        said = _notebook_line(line_text) or _text(error.msg)
        return ScriptError(
            f"{name} at line {error.lineno}: {said}",
            error_name=name,
            line=error.lineno,
            trace=as_text("".join(traceback.format_exception_only(error))),
        )
    frames = _script_frames(error.__traceback__)
    line = frames[-1].lineno if frames else None
    place = f" at line {line}" if line is not None else ""
    return ScriptError(
        f"{name}{place}: {_explained(error, memory_bytes)}",
        error_name=name,
        line=line,
        trace=as_text(_trace(error, frames)),
    )


def _explained(error: BaseException, memory_bytes: int) -> str:
    if isinstance(error, SystemExit):
        code = 0 if error.code is None else error.code
        return f"the script ended itself with {_text(code)}"
    text = _text(error)
    if isinstance(error, NameError):
        return _notebook_name(error.name) or text or "no explanation"
    if isinstance(error, MemoryError):
        limit = memory_bytes // 2**20
        return f"{text or 'out of memory'} (scripts may take {limit} MiB)"
    return text or "no explanation"


def _notebook_line(text: str) -> str | None:
    """Explain a line that notebooks take for a command of theirs; ``None`` for another line."""
    if not _NOTEBOOK_LINE.search(text):
        return None
    return f"{text[:80]!r} is a notebook's command, not Python; leave out lines with %, ! and ?"


def _notebook_name(name: str | None) -> str | None:
    """Explain a name that only notebooks have; ``None`` for another name."""
    if name in ("get_ipython", "display"):
        return f"name {name!r} is a notebook's, which is not there; leave out the lines that use it"
    if name in ("null", "true", "false") and linecache.getline(SCRIPT, 1).startswith("{"):
        return "this is a notebook's file; send its code (jupyter nbconvert --to script)"
    return None


def _text(error: object) -> str:
    try:
        return as_text(str(error))[:_MESSAGE_LIMIT]
    except Exception:
        # The script's own class may raise.
        return "its text can't be had"


def _script_frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(trace) if frame.filename == SCRIPT]


def _trace(error: BaseException, frames: list[traceback.FrameSummary]) -> str:
    """Return the traceback as Python writes it, with the script's frames only."""
    lines = [f"{type(error).__name__}: {_text(error)}\n"]
    if frames:
        lines[:0] = [
            "Traceback (most recent call last):\n",
            *traceback.StackSummary.from_list(frames).format(),
        ]
    return "".join(lines)


def line_in_dump(dump: bytes) -> int | None:
    """Return the script's line in a dump of ``faulthandler``, most recent call first."""
    match = re.search(rb'File "<script>", line (\d{1,9}) ', dump)
    return int(match.group(1)) if match else None
