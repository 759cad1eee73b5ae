"""Table of escapes, tried in forked processes: with guards and filter, and with each alone."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.escapes import BOMBS, ESCAPES, REACHED, Escape, Target
from tests.unit.scripts.forking import Forking, Outcome

VARIABLE = "NESTD_TEST_SECRET_VARIABLE"


@pytest.fixture(scope="module")
def secret() -> str:
    """Text that must not come out."""
    return secrets.token_hex(16)


@pytest.fixture(scope="module")
def forking(secret: str) -> Iterator[Forking]:
    """Process that forks, with a secret in its environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, secret)
        with Forking() as made:
            yield made


class Attempts:
    """Makes attempts and looks for their effects."""

    def __init__(self, forking: Forking, target: Target) -> None:
        self._forking, self._target = forking, target

    def make(
        self, escape: Escape, *, restricted: bool, filtered: bool, **more: float
    ) -> tuple[list[str], Outcome]:
        """Make an attempt; return what it has achieved, and what it printed."""
        source = self._target.source(escape, VARIABLE)
        outcome = self._forking.run(source, restricted=restricted, filtered=filtered, **more)
        return self._target.effects(outcome.printed, outcome.printed), outcome


@pytest.fixture
def attempts(forking: Forking, tmp_path: Path, secret: str) -> Iterator[Attempts]:
    with Target.made(tmp_path, secret) as target:
        yield Attempts(forking, target)


def named(escapes: list[Escape]) -> list[object]:
    return [pytest.param(escape, id=escape.name) for escape in escapes]


def test_table_is_long_and_names_are_distinct() -> None:
    assert len(ESCAPES) >= 70
    assert len({escape.name for escape in [*ESCAPES, *BOMBS]}) == len(ESCAPES) + len(BOMBS)


@pytest.mark.parametrize("escape", named([escape for escape in ESCAPES if escape.plain]))
def test_attempt_takes_effect_without_the_sandbox(attempts: Attempts, escape: Escape) -> None:
    achieved, outcome = attempts.make(escape, restricted=False, filtered=False)
    assert achieved, outcome


@pytest.mark.parametrize("escape", named(ESCAPES))
def test_guards_and_filter_hold(attempts: Attempts, escape: Escape) -> None:
    achieved, outcome = attempts.make(escape, restricted=True, filtered=True)
    assert (achieved, outcome.status) == ([], 0), outcome


@pytest.mark.parametrize("escape", named(ESCAPES))
def test_guards_hold_alone(attempts: Attempts, escape: Escape) -> None:
    achieved, outcome = attempts.make(escape, restricted=True, filtered=False)
    assert (achieved, outcome.status) == ([], 0), outcome


@pytest.mark.parametrize("escape", named(ESCAPES))
def test_filter_holds_alone(attempts: Attempts, escape: Escape) -> None:
    achieved, outcome = attempts.make(escape, restricted=False, filtered=True)
    # Its own memory is all that a process with the filter can reach.
    own_memory = not escape.system and REACHED in escape.filled("", "", "", 0).replace(
        "'REA' + 'CHED'", REACHED
    )
    assert achieved in ([], ["it says so"] if own_memory else []), outcome


@pytest.mark.parametrize("bomb", named(BOMBS))
@pytest.mark.parametrize("restricted", [True, False])
def test_bomb_harms_nobody_but_its_own_process(
    attempts: Attempts, bomb: Escape, restricted: bool
) -> None:
    achieved, _ = attempts.make(bomb, restricted=restricted, filtered=True, wall_s=0.3)
    assert achieved == []
    achieved, outcome = attempts.make(
        Escape("harmless", "result = 6 * 7"), restricted=True, filtered=True
    )
    assert (achieved, outcome) == ([], Outcome("42\n", 0))
