"""Memory of all processes of a server, looked at while something goes on."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from tests.integration.servers import Server, marked_processes


class Memory:
    """Looks at it every few seconds; as a context, while it is one.

    Parameters
    ----------
    server : whose processes, those of scripts included, are meant
    every_s : time between two looks
    """

    def __init__(self, server: Server, every_s: float) -> None:
        self._marks = (server.runtime.mark, str(server.runtime.directory))
        self._every_s = every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        #: MiB that each process has for itself at each look, by its id.
        self.looks: list[dict[int, float]] = []
        #: What each process runs.
        self.programs: dict[int, str] = {}

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._every_s):
            found = {}
            for pid in marked_processes(*self._marks):
                with contextlib.suppress(OSError, ValueError):
                    found[pid] = _allocated_mib(pid)
                    self.programs[pid] = _program(pid)
            self.looks.append(found)

    def growth(self) -> tuple[float, float]:
        """MiB of all after the first tenth of the looks, and how many more there were at the end.

        Processes that came or went between are left out.
        """
        tenth = max(1, len(self.looks) // 10)
        early, late = self.looks[tenth : 2 * tenth], self.looks[-tenth:]
        if not early or not late:
            return 0.0, 0.0
        throughout = set(early[0]).intersection(*early, *late)

        def total(looks: list[dict[int, float]]) -> float:
            return sum(sum(look[pid] for pid in throughout) for look in looks) / len(looks)

        return total(early), total(late) - total(early)

    def most(self) -> str:
        """The program that has gained most meanwhile, and how much, for a person."""
        tenth = max(1, len(self.looks) // 10)
        early, late = self.looks[tenth : 2 * tenth], self.looks[-tenth:]
        if not early or not late:
            return "nothing"
        gained = {pid: late[-1][pid] - early[0][pid] for pid in early[0] if pid in late[-1]}
        pid = max(gained, key=lambda pid: gained[pid])
        return f"{self.programs[pid]} {gained[pid]:+.2f}"


def _allocated_mib(pid: int) -> float:
    """What a process has allocated: pages of files come and go as the system likes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no such line")


def _program(pid: int) -> str:
    """The module that a process runs, or its program."""
    words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    return words[words.index("-m") + 1] if "-m" in words else Path(words[0]).name
