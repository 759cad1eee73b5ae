"""What calls do beside calling PyNEST."""

from __future__ import annotations

from typing import Any

import pytest

from nestd.kernel.calls import virtual_processes


@pytest.mark.parametrize(
    ("threads", "ranks", "total"),
    [
        (1, 1, 1),
        (3, 1, 3),
        (1, 2, 2),
        (1, 4, 4),
        (3, 4, 4),
        (4, 4, 4),
        # To be refused, by name of what was asked for.
        (3, 2, 3),
        (5, 4, 5),
        (0, 2, 0),
        (-1, 2, -1),
        (1.0, 2, 1.0),
        ("1", 2, "1"),
    ],
)
def test_fewer_threads_than_ranks_are_one_for_each(threads: Any, ranks: int, total: Any) -> None:
    found = virtual_processes(threads, ranks)
    assert (type(found), found) == (type(total), total)
