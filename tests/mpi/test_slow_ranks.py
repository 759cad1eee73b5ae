"""A rank that needs long is awaited, however long, and is never taken for one that failed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nestd.ranks.transport import GRACE_S
from protocol.process.polling import poll_until
from tests.integration.pending import pending
from tests.integration.servers import DEADLINE_S, Server

#: Sources of the connections that take long to make.
SOURCES = 10_000
#: Probability of a connection: many pairs to try, few connections to keep in memory.
RARE = {"rule": "pairwise_bernoulli", "p": 1e-3}


@contextmanager
def stopped(server: Server, rank: int) -> Iterator[None]:
    """Meanwhile, ``rank`` does not run."""
    pid = server.connection_info()["processes"][rank]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def awaited(server: Server) -> list[int]:
    """The ranks whose answers the running operation still lacks."""
    return [rank["rank"] for rank in server.get("/").json()["awaited"]]


def assert_unharmed(server: Server, generation: str) -> None:
    """The kernel is the same as before, and its ranks are in step."""
    assert server.connection_info()["generation"] == generation
    server.call("Simulate", [5.0])
    assert server.call("biological_time") == 5.0


def test_operation_longer_than_the_grace_period_is_answered(two_ranks: Server) -> None:
    generation = two_ranks.connection_info()["generation"]
    size, took_s = SOURCES, 0.0
    # As large as it takes on this machine.
    while took_s < 1.5 * GRACE_S:
        size += size // 2
        nodes = two_ranks.call("Create", ["iaf_psc_alpha", size])
        began = time.monotonic()
        two_ranks.call("Connect", [nodes, nodes, RARE])
        took_s = time.monotonic() - began
    assert_unharmed(two_ranks, generation)


@pytest.mark.parametrize("raising", [0, 1])
def test_rank_that_raises_at_once_waits_for_one_that_computes(
    two_ranks: Server, raising: int
) -> None:
    generation = two_ranks.connection_info()["generation"]
    sources = two_ranks.call("Create", ["parrot_neuron", SOURCES])
    # Node n is on virtual process n % 4, which is of rank n % 2.
    (refusing,) = [
        node for node in two_ranks.call("Create", ["iaf_psc_alpha", 2]) if node % 2 == raising
    ]
    slow = 1 - raising
    took_s, size = 0.0, SOURCES
    while took_s < 1.5 * GRACE_S:
        size += size // 2
        params = {"tau_syn": [2.0, 2.0]}
        taking = two_ranks.call("Create", ["iaf_psc_exp_multisynapse", 2 * size, params])
        targets = [refusing, *(node for node in taking if node % 2 == slow)]
        # Only the nodes of the slow rank have the receptor.
        body = [sources, targets, RARE, {"receptor_type": 2}]
        with pending(two_ranks) as send:
            began = time.monotonic()
            connect = send("Connect", body)
            assert poll_until(lambda: awaited(two_ranks) == [slow], DEADLINE_S)
            assert not connect.done()
            reply = connect.result()
            took_s = time.monotonic() - began
        assert reply.status_code == 400, reply.text
        said = reply.json()
        assert (said["error"], said["ranks"]) == ("UnknownReceptorType", [raising])
    assert_unharmed(two_ranks, generation)


@pytest.mark.parametrize(("raising", "slow"), [(0, 1), (1, 2), (3, 1)])
def test_rank_that_raises_at_once_waits_for_one_that_is_stopped(
    four_ranks: Server, raising: int, slow: int
) -> None:
    generation = four_ranks.connection_info()["generation"]
    nodes = four_ranks.call("Create", ["iaf_psc_alpha", 4])
    (refusing,) = [node for node in nodes if node % 4 == raising]
    with pending(four_ranks) as send:
        with stopped(four_ranks, slow):
            setting = send("SetStatus", {"nodes": [refusing], "params": {"C_m": -1.0}})
            assert poll_until(lambda: awaited(four_ranks) == [slow], DEADLINE_S)
            # Whoever took it for a failure would have said so by then.
            assert poll_until(setting.done, 1.5 * GRACE_S) is None
        reply = setting.result()
    assert reply.status_code == 400, reply.text
    assert (reply.json()["error"], reply.json()["ranks"]) == ("BadProperty", [raising])
    assert_unharmed(four_ranks, generation)


def test_rank_that_is_stopped_in_a_run_that_all_refuse_is_awaited_too(four_ranks: Server) -> None:
    generation = four_ranks.connection_info()["generation"]
    with pending(four_ranks) as send:
        with stopped(four_ranks, 1):
            run = send("Simulate", [-1.0])
            assert poll_until(lambda: awaited(four_ranks) == [1], DEADLINE_S)
            # Ranks 0, 2 and 3 have raised where the others may hang, and still wait.
            assert poll_until(run.done, 1.5 * GRACE_S) is None
        reply = run.result()
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"] == "BadParameter"
    assert "ranks" not in reply.json()
    assert_unharmed(four_ranks, generation)
