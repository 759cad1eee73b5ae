"""Processes that have to live with less for a while."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def limited(pids: Sequence[int], kind: int, limit: int) -> Iterator[None]:
    """Have running processes live with a limit (prlimit(2)) meanwhile, if they are still there."""
    before: dict[int, tuple[int, int]] = {}
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                before[pid] = resource.prlimit(pid, kind)
                resource.prlimit(pid, kind, (limit, before[pid][1]))
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, kind, limits)


@contextmanager
def no_more_files(pids: Sequence[int]) -> Iterator[None]:
    """Have them open nothing more meanwhile; what they have open stays so."""
    with limited(pids, resource.RLIMIT_NOFILE, 3):
        yield
