"""NEST Desktop's scripts run on several ranks, and have the answers of one process."""

from __future__ import annotations

import pytest

from tests.integration.desktop_scripts import SCRIPTS, DesktopScript, check_answer
from tests.integration.servers import Server


@pytest.mark.parametrize(
    ("threads", "threads_on_two_ranks"),
    [
        (4, 4),
        # What NEST Desktop asks for unless told otherwise, and every rank needs one.
        (2, 1),
    ],
)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_of_nest_desktop_have_the_same_answers_on_1_and_2_ranks(
    one_rank: Server,
    two_ranks: Server,
    script: DesktopScript,
    threads: int,
    threads_on_two_ranks: int,
) -> None:
    wanted = one_rank.post("/exec", script.body(threads))
    assert wanted.status_code == 200, wanted.text
    found = two_ranks.post("/exec", script.body(threads_on_two_ranks))
    assert found.content == wanted.content
    check_answer(two_ranks, script, found.json())
