"""The whole HTTP contract on two ranks, whose answers are those of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cases import ROWS
from tests.contract.starts import STARTS, Start
from tests.contract.steps import JSON, Case, Reply
from tests.integration.servers import OPEN, Runtime, Server, free_port, serving
from tests.mpi.jobs import Launch, answering

#: The same for both, so that NEST computes the same.
VIRTUAL_PROCESSES = {"params": {"total_num_virtual_procs": 2}}


@pytest.fixture(scope="module")
def open_on_one_rank() -> Iterator[Server]:
    """One process without authentication and with unrestricted scripts."""
    yield from serving(OPEN, "-n", "1")


@pytest.fixture(scope="module")
def open_on_two_ranks() -> Iterator[Server]:
    """Two ranks without authentication and with unrestricted scripts."""
    yield from serving(OPEN, "-n", "2")


def run(case: Case, server: Server) -> list[Reply]:
    """Run the row in an empty network."""
    server.call("ResetKernel")
    server.call("SetKernelStatus", VIRTUAL_PROCESSES)
    return case.run(server)


#: Fields that tell the virtual process of a node, or depend on it.
PLACE = frozenset(["thread", "thread_local_id", "vp"])


def without_places(value: Any) -> Any:
    """A value without what tells on which virtual process a node is."""
    if isinstance(value, dict):
        return {key: without_places(item) for key, item in value.items() if key not in PLACE}
    return [without_places(item) for item in value] if isinstance(value, list) else value


def shown(reply: Reply, same_processes: bool) -> Any:
    """What a caller sees, but for the ranks that an error names.

    Parameters
    ----------
    reply : to the caller
    same_processes : whether both kernels have as many virtual processes; a row may reset them, and
        two ranks can't have less than two
    """
    if reply.status < 400 or reply.headers["Content-Type"] != JSON:
        if same_processes or reply.headers["Content-Type"] != JSON:
            return reply.body
        return without_places(reply.value())
    return {key: value for key, value in reply.value().items() if key != "ranks"}


@pytest.mark.parametrize(
    ("case", "on"), [pytest.param(case, on, id=name) for name, case, on in ROWS]
)
def test_row_of_the_contract_on_two_ranks_has_the_answers_of_one(
    request: pytest.FixtureRequest, case: Case, on: str
) -> None:
    servers = {
        "guarded": ("shared_on_one_rank", "shared_on_two_ranks"),
        "open": ("open_on_one_rank", "open_on_two_ranks"),
    }
    kernels = [request.getfixturevalue(name) for name in servers[on]]
    one, two = (run(case, kernel) for kernel in kernels)
    processes = {kernel.call("total_num_virtual_procs") for kernel in kernels}
    for step, alone, merged in zip(case.steps, one, two, strict=True):
        if not step.varies:
            same = len(processes) == 1
            assert shown(merged, same) == shown(alone, same), step


@pytest.mark.parametrize("row", STARTS, ids=lambda row: row.case.name)
def test_variables_count_for_nest_server_mpi(launch: Launch, runtime: Runtime, row: Start) -> None:
    port = free_port()
    job = launch(2, port, row.environment())
    server = answering(job, runtime, port, row.token)
    row.case.run(server)
    server.session.close()
