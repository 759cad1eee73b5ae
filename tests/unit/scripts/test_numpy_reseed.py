"""NumPy's own generator begins with other numbers in each fork, and is sound there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nestd.scripts.process.numpy_reseed import NumpyReseed


@pytest.fixture(autouse=True)
def state_kept() -> Iterator[None]:
    state = np.random.get_state()
    yield
    np.random.set_state(state)


def draws() -> tuple[float, float, int]:
    """Draw numbers of both kinds, by the functions that share the generator."""
    return np.random.rand(), np.random.normal(), int(np.random.randint(1 << 60))


def test_each_renewal_gives_other_numbers() -> None:
    reseed = NumpyReseed()
    seen = set()
    for _ in range(20):
        reseed.renew()
        seen.add(draws())
    assert len(seen) == 20


def test_state_is_renewed_where_numpy_has_it() -> None:
    reseed = NumpyReseed()
    before: Any = np.random.get_state(legacy=False)
    reseed.renew()
    after: Any = np.random.get_state(legacy=False)
    assert reseed.is_direct
    assert (before["state"]["key"] != after["state"]["key"]).mean() > 0.99
    assert after["state"]["pos"] == 624
    assert after["has_gauss"] == 0


def test_numbers_are_spread_evenly() -> None:
    NumpyReseed().renew()
    assert abs(np.random.rand(100_000).mean() - 0.5) < 0.01
    assert abs(np.random.normal(size=100_000).std() - 1) < 0.02


def test_number_that_was_made_in_advance_is_forgotten() -> None:
    np.random.seed(1)
    np.random.normal()
    NumpyReseed()
    assert np.random.get_state(legacy=False)["has_gauss"] == 0


def test_where_the_state_lies_elsewhere_numpy_seeds_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np.random, "get_bit_generator", np.random.PCG64)
    reseed = NumpyReseed()
    assert not reseed.is_direct
    seen = set()
    for _ in range(20):
        reseed.renew()
        seen.add(draws())
    assert len(seen) == 20


def test_seed_of_a_script_works_after_a_renewal() -> None:
    NumpyReseed().renew()
    np.random.seed(7)
    drawn = draws()
    NumpyReseed().renew()
    np.random.seed(7)
    assert draws() == drawn
