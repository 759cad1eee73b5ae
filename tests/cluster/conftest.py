"""Fixtures: three hosts, and a runtime directory of a test's own that all of them see."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.hosts import Hosts, become_switch
from tests.integration.conftest import runtime

__all__ = ["hosts", "runtime"]


@pytest.fixture(scope="session")
def hosts() -> Iterator[Hosts]:
    """The hosts ``desk``, with the gateway, and ``node0`` and ``node1``, with the ranks."""
    become_switch()
    with tempfile.TemporaryDirectory(prefix="nestd-h-") as directory:
        made = Hosts(["desk", "node0", "node1"], Path(directory))
        try:
            yield made
        finally:
            made.close()
