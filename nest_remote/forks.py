"""Forks of this process: what a child must not share with its parent begins anew in the child.

Hand-written: Python keeps what is registered with ``os.register_at_fork`` for ever, and this keeps
it as long as it is in use. Calls pay nothing for it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterable
from typing import Any, Protocol

#: For so long a fork waits for a lock that another thread holds, and that a child would wait for.
_LOCK_S = 1.0


class Inherited(Protocol):
    """Object that a child can't use as its parent has left it."""

    def fork_locks(self) -> Iterable[threading.Lock]:
        """Return the locks that no other thread may hold while the process forks."""

    def begin_anew(self) -> None:
        """Give up what belongs to the parent. Called in a child that was just forked."""


_watched: weakref.WeakSet[Any] = weakref.WeakSet()
_adding = threading.Lock()
_held: list[threading.Lock] = []


def watch(item: Inherited) -> None:
    """Have ``item`` begin anew in each child of this process, as long as ``item`` is in use."""
    with _adding:
        _watched.add(item)


def _before() -> None:
    _hold(_adding)
    for item in list(_watched):
        for lock in item.fork_locks():
            _hold(lock)


def _hold(lock: threading.Lock) -> None:
    if lock.acquire(timeout=_LOCK_S):
        _held.append(lock)


def _after() -> None:
    with contextlib.suppress(IndexError):
        while True:
            _held.pop().release()


def _after_in_child() -> None:
    _after()
    for item in list(_watched):
        item.begin_anew()


# Not on Windows, where no process forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
