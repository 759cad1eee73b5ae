"""What the system keeps from each rank, and a limit of memory that all ranks keep together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from nestd.confinement import landlock
from nestd.server.launch.launcher import launcher_command
from tests.integration.confined import DENIED, DONE, Account
from tests.integration.servers import Runtime, start_server
from tests.integration.test_confinement import check_memory


@pytest.fixture
def account() -> Iterator[Account]:
    """An account of the test's own."""
    own = Account(Runtime())
    try:
        yield own
    finally:
        own.runtime.remove()
        shutil.rmtree(own.home)


@pytest.mark.skipif(not landlock.is_available(), reason="this system has no Landlock")
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_code_in_any_rank_reaches_nothing_of_the_account(account: Account, ranks: int) -> None:
    launcher = launcher_command(ranks) if ranks > 1 else []
    refused, allowed = account.refused(), account.allowed()
    for found in account.attempt([*refused, *allowed], launcher, ranks):
        results = list(found.items())
        # A link to what can't be read is refused as one to another disk is.
        kept = dict(results[: len(refused)])
        expected = {text: "OSError" if text.startswith("link") else DENIED for text in kept}
        assert kept == expected
        reached = dict(results[len(refused) :])
        assert {text: what for text, what in reached.items() if what != DONE} == {}


def test_all_ranks_refuse_what_needs_too_much_memory(runtime: Runtime) -> None:
    server = start_server(runtime, {"NEST_SERVER_MEMORY_MIB": "2048"}, "-n", "2")
    try:
        check_memory(server)
    finally:
        server.stop()
