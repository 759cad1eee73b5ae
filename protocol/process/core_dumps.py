"""Core dumps: files with all memory of a process, secrets and data of callers included."""

from __future__ import annotations

import resource


def forbid_core_dumps() -> None:
    """Have neither this process nor what it starts leave a core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
