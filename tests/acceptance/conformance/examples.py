"""NEST's examples: which belong to the set, and what each way of running them gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tests.acceptance.conformance.comparison import compare_drawn, compare_printed
from tests.acceptance.conformance.known import LEFT_OUT, OUTSIDE, PARTS
from tests.acceptance.conformance.places import Places
from tests.acceptance.conformance.printed import numbers
from tests.acceptance.conformance.runs import Run, plain, served, under_mpirun


@dataclass(frozen=True)
class Verdict:
    """What one way of running an example gave, beside what it should have given."""

    #: Why it did not run to its end; empty if it did.
    failure: str
    #: The first number that is not what it should be; empty if there is none.
    difference: str
    #: Numbers compared, of those printed and those drawn.
    printed: int
    drawn: int
    #: Whether what is drawn, or printed, is equal without regard to order only.
    reordered: bool
    #: Of the reference.
    threads: int
    wall_s: float

    @property
    def passes(self) -> bool:
        """Whether it ran to its end and gave the same numbers."""
        return not self.failure and not self.difference


@dataclass(frozen=True)
class Reference:
    """What an example gives by plain PyNEST on one process."""

    one: Run
    other: Run
    threads: int

    def judge(self, run: Run) -> Verdict:
        """Compare ``run`` with it."""
        printed = compare_printed(
            numbers(self.one.printed, LEFT_OUT),
            numbers(self.other.printed, LEFT_OUT),
            numbers(run.printed, LEFT_OUT),
        )
        drawn = compare_drawn(self.one.drawn, self.other.drawn, run.drawn)
        differences = {"printed": printed.difference, "drawn": drawn.difference}
        return Verdict(
            run.failure,
            "; ".join(f"{what}: {text}" for what, text in differences.items() if text),
            printed.compared,
            drawn.compared,
            printed.reordered or drawn.reordered,
            self.threads,
            round(run.wall_s, 1),
        )


def why_outside(places: Places, example: str, in_time: bool = False) -> str:
    """Why an example does not belong to the set; empty if it does.

    Parameters
    ----------
    places : where things are
    example : below NEST's examples
    in_time : whether an earlier run has found it to be quick enough
    """
    if example in PARTS:
        return "part of another example"
    run = plain(places, example, 1)
    if run.failure:
        return OUTSIDE.get(example, run.failure)
    return "" if in_time or run.in_time else f"takes {run.wall_s:.0f} s"


def references(places: Places, example: str, virtual_processes: int) -> Iterator[Reference]:
    """The numbers that an example may give with so many virtual processes.

    Those of as many threads on one process, unless NEST refuses that many; and those of one
    thread, which a server also gives where the order is all that threads change.
    """
    for threads in dict.fromkeys((virtual_processes, 1)):
        one = plain(places, example, threads)
        if not one.failure:
            other = plain(places, example, threads, again=True)
            yield Reference(one, one if other.failure else other, threads)


def judged(
    places: Places, example: str, ranks: Iterable[int], mpirun: bool = True, in_time: bool = False
) -> dict[str, Any]:
    """All that is measured of one example.

    Parameters
    ----------
    places : where things are
    example : below NEST's examples
    ranks : of the servers
    mpirun : whether plain PyNEST on several ranks is, too
    in_time : whether an earlier run has found it to be quick enough for the set
    """
    outside = why_outside(places, example, in_time)
    if outside:
        return {"outside": outside}
    found: dict[str, Any] = {"outside": ""}
    found["plain"] = _row(references(places, example, 1), plain(places, example, 1))
    for number in ranks:
        if number > 1 and mpirun:
            run = under_mpirun(places, example, number)
            found[f"mpirun {number}"] = _row(references(places, example, number), run)
        run = served(places, example, number)
        found[f"served {number}"] = _row(references(places, example, number), run)
    return found


def prepared(places: Places, example: str, ranks: Iterable[int]) -> str:
    """Have everything in the cache that plain PyNEST gives; why it is outside the set, if it is."""
    outside = why_outside(places, example)
    for number in () if outside else ranks:
        list(references(places, example, number))
        if number > 1:
            under_mpirun(places, example, number)
    return outside


def _row(wanted: Iterator[Reference], run: Run) -> dict[str, Any]:
    """The verdict by the first reference that the run agrees with, or by the first of all."""
    first: Verdict | None = None
    for reference in wanted:
        verdict = reference.judge(run)
        first = first or verdict
        # No other reference can help a run that has failed.
        if verdict.passes or verdict.failure:
            break
    else:
        assert first is not None
        verdict = first
    return {**asdict(verdict), "passes": verdict.passes}
