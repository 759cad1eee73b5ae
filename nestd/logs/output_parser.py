"""Makes events of what programs print that is no line of the log: NEST's messages, tracebacks."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: A message of NEST, in one line:
#: ``[INFO] [2026-11-27 23:45:00 …/node_manager.cpp:658 @ NodeManager::prepare_nodes] Preparing …``.
_NEST = re.compile(
    r"\[(?P<level>[A-Z]+)\] \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    r" ?(?:\S+ @ )?(?P<where>[^\]]*)\] ?(?P<rest>.*)"
)
#: Before NEST 3.9: ``Nov 27 23:45:00 NodeManager::prepare_nodes [Info]: ``, and indented lines.
_OLDER_NEST = re.compile(
    r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?P<where>\S.*?) \[(?P<level>\w+)\]:(?P<rest>.*)"
)
_LEVELS = {
    "warning": "warning",
    "deprecated": "warning",
    "error": "error",
    "fatal": "error",
}
#: A message of more characters is parted.
_LONGEST = 1 << 16
_TRACEBACK = "Traceback (most recent call last):"


@dataclass
class Printed:
    """Something that was printed, of one or several lines."""

    message: str
    level: str = "info"
    #: Whether it is a message of NEST.
    is_nest: bool = False
    #: The function of NEST that says it, where NEST was built to tell.
    where: str = ""
    #: Further lines of a traceback.
    trace: str = ""


class OutputParser:
    """The lines of one source, in their order."""

    def __init__(self) -> None:
        self._open: Printed | None = None

    def add(self, text: str) -> list[Printed]:
        """A line; the events that are whole by it."""
        stripped = text.strip()
        whole: list[Printed] = []
        found = self._open
        if found is not None and len(found.message) + len(found.trace) > _LONGEST:
            whole += self.flush()
            found = None
        if found is not None:
            if found.trace:
                found.trace += f"\n{text}"
                # The last line says what was raised, and is not indented.
                if stripped and not text.startswith(" "):
                    found.message = stripped
                    whole += self.flush()
                return whole
            if text.startswith("    ") and stripped:
                found.message = f"{found.message} {stripped}".strip()
                return whole
            whole += self.flush()
        match = _NEST.fullmatch(text) or _OLDER_NEST.fullmatch(text)
        if match is not None:
            level = _LEVELS.get(match["level"].lower(), "info")
            self._open = Printed(match["rest"].strip(), level, True, match["where"])
        elif stripped == _TRACEBACK:
            self._open = Printed(stripped, "error", trace=text)
        elif stripped:
            whole.append(Printed(stripped))
        return whole

    def flush(self) -> list[Printed]:
        """What has begun and is whole, as nothing more comes."""
        found, self._open = self._open, None
        return [] if found is None else [found]
