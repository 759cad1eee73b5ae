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


def shown(reply: Reply) -> Any:
    """What a caller sees, but for the ranks that an error names."""
    if reply.status < 400 or reply.headers["Content-Type"] != JSON:
        return reply.body
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
    one, two = (run(case, request.getfixturevalue(name)) for name in servers[on])
    for step, alone, merged in zip(case.steps, one, two, strict=True):
        if not step.varies:
            assert shown(merged) == shown(alone), step


@pytest.mark.parametrize("row", STARTS, ids=lambda row: row.case.name)
def test_variables_count_for_nest_server_mpi(launch: Launch, runtime: Runtime, row: Start) -> None:
    port = free_port()
    job = launch(2, port, row.environment())
    server = answering(job, runtime, port, row.token)
    row.case.run(server)
    server.session.close()
