"""Fixtures: servers whose NEST runs on several ranks, and one process to compare them with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import runtime, start
from tests.integration.servers import Server, serving
from tests.mpi.jobs import launch

__all__ = ["four_ranks", "launch", "one_rank", "runtime", "start", "two_ranks"]

#: The same for any number of ranks, so that NEST computes the same.
VIRTUAL_PROCESSES = 4


@pytest.fixture(scope="session")
def shared_on_one_rank() -> Iterator[Server]:
    """One process for all tests that leave it usable."""
    yield from serving(None, "-n", "1")


@pytest.fixture(scope="session")
def shared_on_two_ranks() -> Iterator[Server]:
    """Two ranks for all tests that leave them usable."""
    yield from serving(None, "-n", "2")


def _emptied(server: Server) -> Server:
    server.call("ResetKernel")
    server.call("SetKernelStatus", [{"total_num_virtual_procs": VIRTUAL_PROCESSES}])
    return server


@pytest.fixture
def one_rank(shared_on_one_rank: Server) -> Server:
    """A server on one rank with an empty network on four virtual processes."""
    return _emptied(shared_on_one_rank)


@pytest.fixture
def two_ranks(shared_on_two_ranks: Server) -> Server:
    """A server on two ranks with an empty network on four virtual processes."""
    return _emptied(shared_on_two_ranks)


@pytest.fixture(scope="session")
def shared_on_four_ranks() -> Iterator[Server]:
    """Four ranks for all tests that leave them usable."""
    yield from serving(None, "-n", "4")


@pytest.fixture
def four_ranks(shared_on_four_ranks: Server) -> Server:
    """A server on four ranks with an empty network on four virtual processes."""
    return _emptied(shared_on_four_ranks)
