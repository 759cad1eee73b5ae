"""Virtual processes of several ranks, and what each rank says for itself.

That replies are those of one process show the contract's tables and the oracle.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.servers import Server


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("SetKernelStatus", [{"total_num_virtual_procs": 3}]),
        ("SetKernelStatus", [{"local_num_threads": 3}]),
        ("set", {"total_num_virtual_procs": 5}),
    ],
)
def test_virtual_processes_that_ranks_do_not_divide_say_which_would_do(
    two_ranks: Server, call: str, body: Any
) -> None:
    reply = two_ranks.post(f"/api/{call}", body)
    assert reply.status_code == 400
    assert "multiples of 2: 2, 4, 6, 8" in reply.json()["message"]
    assert two_ranks.call("total_num_virtual_procs") == 4
    two_ranks.call("SetKernelStatus", [{"total_num_virtual_procs": 6}])
    assert two_ranks.call("total_num_virtual_procs") == 6


@pytest.mark.parametrize("call", ["SetKernelStatus", "set"])
@pytest.mark.parametrize("name", ["local_num_threads", "total_num_virtual_procs"])
def test_fewer_threads_than_ranks_are_one_for_each(two_ranks: Server, name: str, call: str) -> None:
    body = {name: 1}
    two_ranks.call(call, [body] if call == "SetKernelStatus" else body)
    keys = ["local_num_threads", "total_num_virtual_procs"]
    assert two_ranks.call("GetKernelStatus", [keys]) == [2, 2]


@pytest.mark.parametrize("number", [True, 0, -1, 1.0, "1"])
@pytest.mark.parametrize("name", ["local_num_threads", "total_num_virtual_procs"])
def test_what_is_no_number_of_threads_is_refused(
    two_ranks: Server, name: str, number: object
) -> None:
    assert two_ranks.post("/api/SetKernelStatus", [{name: number}]).status_code == 400
    assert two_ranks.call("total_num_virtual_procs") == 4


def test_raw_answers_of_all_ranks_are_there_for_who_asks(two_ranks: Server) -> None:
    two_ranks.call("Create", ["iaf_psc_alpha", 2])
    two_ranks.call("Connect", [[1, 2], [1, 2]])
    reply = two_ranks.post("/api/GetKernelStatus?ranks=all", ["num_connections"])
    assert reply.status_code == 200
    raw = reply.json()
    assert [one["rank"] for one in raw] == [0, 1]
    assert sum(one["value"]["fields"]["num_connections"] for one in raw) == 4
