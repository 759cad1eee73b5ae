"""Fixtures: servers that the attacks share, and the second account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.attacks.accounts import Account
from tests.system.attacks.targets import Target, attacked


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    """A server with a token."""
    with attacked({"NEST_SERVER_ENABLE_EXEC_CALL": "1"}) as target:
        yield target


@pytest.fixture(scope="session")
def open_target() -> Iterator[Target]:
    """A server that asks for no token."""
    with attacked({"NEST_SERVER_DISABLE_AUTH": "1"}) as target:
        yield target


@pytest.fixture(scope="session")
def other() -> Iterator[Account]:
    """Another account of the machine."""
    with Account.made() as account:
        yield account
