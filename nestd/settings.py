"""What a nestd process is told at its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nestd.binding import Binding
from nestd.runner.settings import ScriptSettings

#: Commands that may wait unless told otherwise.
DEFAULT_QUEUE_LIMIT = 64


@dataclass(frozen=True)
class NestdSettings:
    """Settings of one nestd, built once in ``nestd/cli.py``."""

    #: Where to write the connection file; sockets lie beside it.
    connection_file: Path
    #: Commands that may wait before further ones are refused.
    queue_limit: int = DEFAULT_QUEUE_LIMIT
    #: What scripts may do.
    scripts: ScriptSettings = field(default_factory=ScriptSettings)
    #: Where gateways of other hosts connect; ``None`` for a socket beside the connection file.
    binding: Binding | None = None
