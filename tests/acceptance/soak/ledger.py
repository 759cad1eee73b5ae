"""Neurons that clients have asked for, each with a number, and how often each was made."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from tests.integration.servers import Server

#: Tells the neuron of a request from all others: its capacitance in pF.
_BASE_PF = 1000.0


@dataclass(frozen=True)
class _Said:
    """What was said of a number."""

    executed: bool
    generation: str | None = None


class Ledger:
    """Numbers that were given out, and what was said of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0
        self._said: dict[int, _Said] = {}

    def body(self) -> tuple[int, list[object]]:
        """A new number, and the arguments of its ``Create``."""
        with self._lock:
            self._next += 1
            return self._next, ["iaf_psc_alpha", 1, {"C_m": _BASE_PF + self._next}]

    def executed(self, number: int, generation: str) -> None:
        """It was said to be executed, by that kernel."""
        self._said[number] = _Said(True, generation)

    def not_executed(self, number: int) -> None:
        """It was said not to be executed."""
        self._said[number] = _Said(False)

    def judge(self, server: Server) -> list[str]:
        """What in the network is not as was said; forgets all numbers."""
        generation = server.get("/").json()["generation"]
        size = server.call("network_size")
        ids = list(range(1, size + 1))
        found = server.call("GetStatus", [ids, "C_m"]) if ids else []
        made = Counter(round(c_m - _BASE_PF) for c_m in found)
        wrong = []
        for number in range(1, self._next + 1):
            times, said = made[number], self._said.get(number)
            if times > 1:
                wrong.append(f"neuron {number} was made {times} times")
            elif said is not None and not said.executed and times:
                wrong.append(f"neuron {number} was made, though it was said not to be")
            elif said is not None and said.generation == generation and not times:
                wrong.append(f"neuron {number} was not made, though it was said to be")
        with self._lock:
            self._next = 0
            self._said = {}
        return wrong
