"""Blocks of code in the pages that start servers on several ranks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.documents import Block, run_as_server
from tests.integration.servers import Runtime
from tests.integration.test_documents import alone


@pytest.mark.parametrize("block", alone("starts a server on ranks"), ids=str)
def test_block_that_starts_a_server_has_one(block: Block, runtime: Runtime, tmp_path: Path) -> None:
    run_as_server(block, runtime, tmp_path)
