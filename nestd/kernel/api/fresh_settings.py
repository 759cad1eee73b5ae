"""Settings of a new kernel, which ResetKernel gives back.

NEST's own ResetKernel leaves some settings as callers have set them, such as
``eprop_update_interval`` or ``data_prefix``. In a server, they would reach the next caller.
"""

from __future__ import annotations

from typing import Any

from nestd.kernel.pynest import nest

#: Fields that nobody sets alone, that belong to the server, or that are measured.
_LEFT_ALONE = frozenset(["data_path", "max_delay", "min_delay", "modules", "mpi_rank", "prepared"])
_MEASURED = "time_"


class FreshSettings:
    """Settings as this process has them before any call."""

    def __init__(self) -> None:
        self._settings = _settings()

    def restore(self) -> None:
        """Set what differs from a new process, after a ResetKernel."""
        now = _settings()
        changed = {key: value for key, value in self._settings.items() if now[key] != value}
        if changed:
            nest.SetKernelStatus(changed)
        nest.userdict.clear()


def _settings() -> dict[str, Any]:
    """Return all kernel attributes that callers can set."""
    left_alone = _LEFT_ALONE | type(nest)._readonly_kernel_attrs
    return {
        key: value
        for key, value in nest.GetKernelStatus().items()
        if key not in left_alone and not key.startswith(_MEASURED)
    }
