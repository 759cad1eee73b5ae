"""Random bytes and mutated messages at nestd's sockets: a sample of ``scripts/soak --fuzz``."""

from __future__ import annotations

import random

from tests.acceptance.soak.fuzz import Fuzz
from tests.integration.servers import Start


def test_random_bytes_and_mutated_messages_do_no_harm(start: Start) -> None:
    server = start()
    seed = random.randrange(2**32)
    found = Fuzz(server, 200_000, 3000, seed).run()
    assert found.wrong == [], found
    assert found.answers > 2000
