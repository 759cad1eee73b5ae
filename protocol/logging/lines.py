"""Lines of the log: one event each, as ``key=value`` or JSON, with the request they belong to.

Every program formats its own lines; ``nestd/logs/writer_process.py`` gives plain text, such as
NEST's messages, the same form. Why this is not structlog: docs/decisions/0017.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any
from urllib.parse import quote, quote_plus

from protocol.logging import context
from protocol.process.environment import Environment

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)
LEVELS = ("debug", "info", "warning", "error")

#: Duration from which a step is worth a line.
SLOW_S = 1.0

_PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f\x7f]+")
_FIELD = re.compile(r"([a-z_]+)=(\"(?:[^\"\\]|\\.)*\"|\S*)")
#: How lines of this form begin.
_BEGINS = ("time=", '{"time":')


def note(log: logging.Logger, message: str, *, always: bool = False, **fields: Any) -> None:
    """Log a step of a request: at level info if it is traced or ``always``, else at debug."""
    level = logging.INFO if always or context.current_request().traced else logging.DEBUG
    if log.isEnabledFor(level):
        log.log(level, message, extra={"fields": fields})


@dataclass(frozen=True)
class LogSettings:
    """Settings of logging."""

    format: str = TEXT
    level: str = "info"
    #: Size at which a file is put aside, and how many of those are kept.
    size_bytes: int = 16 * 2**20
    kept: int = 4


def log_settings(variables: Mapping[str, str]) -> LogSettings:
    """Return the settings in the environment.

    Raises
    ------
    ConfigurationError
        Naming every variable with a wrong value.
    """
    environment = Environment(variables)
    settings = LogSettings(
        format=environment.choice("NEST_SERVER_LOG_FORMAT", FORMATS, TEXT),
        level=environment.choice("NEST_SERVER_LOG_LEVEL", LEVELS, "info"),
        size_bytes=environment.integer("NEST_SERVER_LOG_MIB", 16, 1, 1_000_000) * 2**20,
        kept=environment.integer("NEST_SERVER_LOG_KEPT", 4, 0, 1000),
    )
    environment.check()
    return settings


def line(fields: Mapping[str, Any], form: str) -> str:
    """Return the line of ``fields``, without its end."""
    present = {name: value for name, value in fields.items() if value is not None and value != ""}
    if form == JSON:
        return json.dumps(present, default=str)
    return " ".join(f"{name}={_quoted(value)}" for name, value in present.items())


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def is_line(text: str) -> bool:
    """Return whether ``text`` has the form of a line already."""
    return text.startswith(_BEGINS)


def parse(text: str) -> dict[str, Any]:
    """Return the fields of a line; none of text that is no line."""
    if not is_line(text):
        return {}
    try:
        if text.startswith("{"):
            fields: dict[str, Any] = json.loads(text)
            return fields
        return {
            name: json.loads(value) if value.startswith('"') else value
            for name, value in _FIELD.findall(text)
        }
    except ValueError:
        return {}


def moment(since_1970_s: float) -> str:
    """Return a time as ISO 8601, in UTC, with milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_1970_s))
    return f"{whole}.{int(since_1970_s * 1000) % 1000:03d}Z"


class LogFormatter(logging.Formatter):
    """Formatter that makes lines of records.

    Parameters
    ----------
    program : that logs
    form : ``text`` or ``json``
    secret : what must not be in any line
    """

    def __init__(self, program: str, form: str, secret: str | None = None) -> None:
        super().__init__()
        self.program = program
        self.form = form
        #: MPI rank of this process; ``None`` if it is none.
        self.rank: int | None = None
        self._secret = secret

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of ``record``, without its end."""
        trace = self.formatException(record.exc_info) if record.exc_info else None
        fields = {
            "time": moment(record.created),
            "level": record.levelname.lower(),
            "program": self.program,
            "pid": record.process,
            "rank": self.rank,
            "request": context.current_request().request,
            **getattr(record, "fields", {}),
            "msg": record.getMessage(),
            "trace": trace,
        }
        return redact(line(fields, self.form), self._secret)


def redact(text: str, secret: str | None) -> str:
    """Return ``text`` without ``secret``, in whatever form programs write it."""
    if secret:
        for form in _forms(secret):
            if form in text:
                text = text.replace(form, "[secret]")
    return text


@lru_cache(maxsize=4)
def _forms(secret: str) -> tuple[str, ...]:
    """Return the forms of a secret in lines, headers, addresses and Python, the longest first."""
    data = secret.encode()
    forms = {secret, repr(secret)[1:-1], repr(data)[2:-1], html.escape(secret), data.hex()}
    # A line may be within a line.
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        forms |= {once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]}
    for quoted in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        forms |= {quoted, re.sub("%..", lambda code: code[0].lower(), quoted)}
    forms |= {part for before in range(3) for part in _base64_within(data, before)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _base64_within(data: bytes, before: int) -> set[str]:
    """Return the Base64 of bytes behind ``before`` others, such as a name in Basic authentication.

    The characters that also depend on what is before and behind are left out.
    """
    begin = -(-before * 8 // 6)
    end = (before + len(data)) * 8 // 6
    filled = bytes(before) + data
    return {
        code(filled).decode()[begin:end] for code in (base64.b64encode, base64.urlsafe_b64encode)
    }


def set_up(
    program: str, settings: LogSettings, to: IO[str] | None = None, secret: str | None = None
) -> LogFormatter:
    """Have this process log to ``to``, which is stderr if not given."""
    handler = logging.StreamHandler(sys.stderr if to is None else to)
    formatter = LogFormatter(program, settings.format, secret)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    logging.captureWarnings(True)
    return formatter
