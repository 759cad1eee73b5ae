"""A thousand random valid operations on two ranks, with the answers of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.oracle.asking import Ask
from tests.acceptance.oracle.random_operations import RandomUser
from tests.integration.servers import Server, marked_processes

SEEDS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
OPERATIONS = 100
#: What allocators keep, but far less than a network or its answers that were not let go.
GROWTH_MB = 25.0


@pytest.mark.parametrize("seed", SEEDS)
def test_random_operations_have_the_same_answers(
    one_rank: Server, two_ranks: Server, seed: int
) -> None:
    ask = Ask([one_rank, two_ranks])
    user = RandomUser(ask, seed)
    for number in range(OPERATIONS):
        user.step()
        assert not ask.differences, f"after {number} operations: {ask.differences[0]}"
    ask("Simulate", 10.0)


def resident_mb(server: Server) -> dict[int, float]:
    """Memory of each process of the server."""
    found = {}
    for pid in marked_processes(server.runtime.mark):
        status = Path(f"/proc/{pid}/status").read_text()
        line = next((ln for ln in status.splitlines() if ln.startswith("VmRSS:")), None)
        if line is not None:
            found[pid] = int(line.split()[1]) / 1024
    return found


def test_networks_that_are_gone_leave_no_memory_behind(two_ranks: Server) -> None:
    def work() -> None:
        user = RandomUser(Ask([two_ranks]), 7)
        for _ in range(OPERATIONS):
            user.step()
        two_ranks.call("ResetKernel")

    for _ in range(3):
        work()
    before = resident_mb(two_ranks)
    for _ in range(5):
        work()
    after = resident_mb(two_ranks)
    grown = {pid: after[pid] - mb for pid, mb in before.items() if pid in after}
    assert len(grown) >= 4
    assert max(grown.values()) < GROWTH_MB, grown
