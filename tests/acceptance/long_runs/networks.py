"""Networks that are simulated for long, and what they have recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from protocol.process.polling import poll_until
from protocol.wire.messages import FINAL_STATES
from tests.integration.servers import Server
from tests.integration.test_jobs import look, submit


@dataclass(frozen=True)
class Network:
    """A network that fires irregularly, some of whose neurons are recorded."""

    neurons: int = 1000
    recorded: int = 100

    @property
    def recorder(self) -> int:
        """Its recorder's id."""
        return self.neurons + 2

    def build(self, server: Server, ranks: int) -> None:
        """Make it anew: the same each time."""
        every = list(range(1, self.neurons + 1))
        server.call("ResetKernel")
        server.call("SetKernelStatus", [{"total_num_virtual_procs": ranks, "rng_seed": 11}])
        server.call("Create", ["iaf_psc_alpha", self.neurons])
        server.call("Create", ["poisson_generator", 1, {"rate": 8000.0}])
        server.call("Create", ["spike_recorder"])
        server.call("Connect", [[self.neurons + 1], every, None, {"weight": 20.0, "delay": 1.5}])
        rule = {"rule": "fixed_indegree", "indegree": min(100, self.neurons)}
        server.call("Connect", [every, every, rule, {"weight": -20.0, "delay": 2.3}])
        server.call("Connect", [every[: self.recorded], [self.recorder]])

    def spikes(self, server: Server) -> dict[str, list[Any]]:
        """What was recorded: times in ms and senders."""
        found: dict[str, list[Any]] = server.call("GetStatus", [[self.recorder], "events"])[0]
        return found


def simulate(server: Server, t_ms: float) -> None:
    """Simulate so long, however long that takes."""
    assert ending(server, submit(server, "/api/Simulate", [t_ms]))["state"] == "done"


def ending(server: Server, job: dict[str, Any]) -> dict[str, Any]:
    """A job when it has ended, however long that takes."""

    def find() -> dict[str, Any] | None:
        found = look(server, job)
        return found if found["state"] in FINAL_STATES else None

    found = poll_until(find, 3600.0, 0.2)
    assert found, look(server, job)
    return found


def speed(server: Server, t_ms: float = 200.0) -> float:
    """Simulate so long, ten times at most until that takes a second; ms of it in a second."""
    total_ms, began_s = 0.0, time.monotonic()
    for _ in range(10):
        server.call("Simulate", [t_ms])
        total_ms += t_ms
        if time.monotonic() - began_s > 1.0:
            break
    return total_ms / (time.monotonic() - began_s)
