"""The whole HTTP contract, row by row, on one process with the NEST of the package index."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.cases import ROWS
from tests.contract.starts import STARTS, Start
from tests.contract.steps import Case
from tests.integration.servers import Server


@pytest.mark.parametrize(
    ("case", "on"), [pytest.param(case, on, id=name) for name, case, on in ROWS]
)
def test_row_of_the_contract(request: pytest.FixtureRequest, case: Case, on: str) -> None:
    server: Server = request.getfixturevalue("server" if on == "guarded" else "open_server")
    case.run(server)


@pytest.mark.parametrize("row", STARTS, ids=lambda row: row.case.name)
def test_variables_count_for_nest_server_start(start: Callable[..., Server], row: Start) -> None:
    server = start(row.environment())
    assert server.token == row.token
    row.case.run(server)
