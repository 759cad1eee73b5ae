"""Progress bar of a simulation, on a terminal or in a notebook."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from types import TracebackType
from typing import Any

from nest_remote.calls.progress import Progress
from protocol.process.environment import is_truthy

VARIABLE = "NEST_SERVER_PROGRESS"

_FORMAT = "{desc} |{bar}| {percentage:.0f}%{postfix}"


def is_wanted(asked: bool | None) -> bool:
    """Tell whether progress bars are to be shown.

    Parameters
    ----------
    asked : by the caller; ``None`` leaves it to the variable ``NEST_SERVER_PROGRESS``
    """
    if asked is not None:
        return asked
    setting = os.environ.get(VARIABLE, "").strip()
    return not setting or is_truthy(setting)


def is_seen() -> bool:
    """Tell whether a bar can be seen, because stderr is a terminal or a notebook."""
    return (sys.stderr is not None and sys.stderr.isatty()) or _in_notebook()


def _in_notebook() -> bool:
    # Who runs in a notebook has imported it; nobody else has to.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


class ProgressBar:
    """Progress bar of a job, which appears with the first progress.

    Parameters
    ----------
    label : of a job that waits
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._progress: Progress | None = None
        self._bar: Any = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and self._progress is not None:
            # Nobody knows any more when it would have ended.
            left = replace(self._progress, estimated_end=None)
            self._draw(left.call, left.done_ms, left.total_ms, str(left))
        if self._bar is not None:
            self._bar.close()

    def show(self, job: dict[str, Any]) -> None:
        """Draw the progress in a job's description."""
        progress = Progress.of(job)
        if progress is not None:
            self._progress = progress
            self._draw(progress.call, progress.done_ms, progress.total_ms, str(progress))
        elif job["state"] == "queued" and job.get("position"):
            # Besides those that wait before it, one is executed.
            self._draw(self._label, 0.0, 1.0, f"waits, {job['position']} before it")

    def complete(self) -> None:
        """Draw the simulation as complete."""
        if self._progress is not None:
            ended = self._progress.at_end()
            self._draw(ended.call, ended.done_ms, ended.total_ms, str(ended))

    def _draw(self, label: str, done: float, total: float, text: str) -> None:
        if self._bar is None:
            # Takes a while, which nobody notices who waits already.
            from tqdm.auto import tqdm

            self._bar = tqdm(
                desc=label,
                total=total,
                initial=done,
                postfix=text,
                bar_format=_FORMAT,
                dynamic_ncols=True,
            )
            return
        bar = self._bar
        if bar.total != total:
            bar.reset(total)
        bar.n = done
        bar.set_description_str(label, refresh=False)
        bar.set_postfix_str(text, refresh=False)
        bar.refresh()
