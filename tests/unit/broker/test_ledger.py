"""Ledger of jobs: what rank 0 may do to which job, whatever it asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.broker.ledger import Ledger
from nestd.broker.packets import Lookup
from protocol.runtime.stored_job import CANCELLED, LOST


@pytest.mark.parametrize(
    ("generation", "is_settled", "held", "expected"),
    [
        ("g1", False, 0, Lookup.READY),
        ("g1", True, 0, Lookup.SETTLED),
        ("g1", False, 2, Lookup.UNREADABLE),
        ("g0", False, 0, Lookup.FOREIGN),
        ("g0", True, 2, Lookup.FOREIGN),
    ],
)
def test_job_is_given_to_its_kernel_while_it_is_open(
    generation: str, is_settled: bool, held: int, expected: Lookup
) -> None:
    ledger = Ledger("g1", limit=2)
    for number in range(held):
        ledger.begin(f"held{number}")
    assert ledger.outcome("job00001", generation, is_settled) is expected


@pytest.mark.parametrize(
    ("by", "may_claim", "may_print"),
    [("g1", True, True), (CANCELLED, True, False), (LOST, True, False), ("g0", False, False)],
)
def test_job_is_claimed_for_its_kernel_or_for_nobody(
    by: str, may_claim: bool, may_print: bool
) -> None:
    ledger = Ledger("g1")
    assert not ledger.may_claim("job00001", by)
    ledger.begin("job00001")
    assert ledger.may_claim("job00001", by) is may_claim
    assert not ledger.may_print("job00001")
    if may_claim:
        ledger.claim("job00001", by)
    assert ledger.may_print("job00001") is may_print
    assert ledger.may_end("job00001")
    ledger.end("job00001")
    assert not ledger.may_claim("job00001", by)
    assert not ledger.may_end("job00001")
    assert len(ledger) == 0


@given(st.lists(st.tuples(st.sampled_from(["begin", "end"]), st.sampled_from("abcd"))))
def test_only_jobs_that_rank_0_was_told_of_and_that_go_on_are_its_own(
    steps: list[tuple[str, str]],
) -> None:
    ledger, own = Ledger("g1"), set[str]()
    for step, id in steps:
        if step == "begin":
            ledger.begin(id)
            own.add(id)
        else:
            ledger.end(id)
            own.discard(id)
        for other in "abcd":
            assert ledger.may_end(other) is (other in own)
            assert ledger.may_claim(other, "g1") is (other in own)
        assert len(ledger) == len(own)
