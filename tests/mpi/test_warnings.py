"""Each warning comes once from several ranks, as from plain PyNEST on one."""

from __future__ import annotations

import pytest

from tests.integration.servers import Server
from tests.integration.warned import PROGRAMS, check


# Slices are long runs, and are the same on one rank.
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "slices"])
def test_warnings_of_two_ranks_are_plain_pynests(two_ranks: Server, name: str) -> None:
    check(two_ranks, name)
