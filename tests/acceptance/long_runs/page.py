"""``docs/long-runs.md``, made of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.acceptance.long_runs.findings import Finding, Findings

_HEAD = """\
# Long runs

What a simulation of minutes or days relies on, tried on servers of its own by
`scripts/long-runs`, which writes this page from what it has found. `scripts/long-runs --short`
takes a few minutes; `--only PART …` and `--ranks N …` choose, and what was found before of the
rest stays. How it is built: [jobs](http.md#jobs), [events](http.md#events),
[slices](decisions/0008-slices-leave-no-trace.md). It was run on two cores of a virtual machine,
most of it beside other work, so times are long. What was found is in `long-runs.json` beside this
page.
"""

#: Of each part its title, and what is tried and promised.
PARTS = {
    "progress": (
        "Progress, cancel, going on",
        """\
A simulation of a minute, by the clock, is looked at 20 times a second. There have to be at least
100 values of its biological time, each larger than the one before. Then it is cancelled, which
takes less than a second, and the next `Simulate` goes on from there. All spikes are compared with
those of a run that was never cancelled, made of two calls that part at the same time.""",
    ),
    "outliving": (
        "Clients, gateways and ranks that are killed",
        """\
A client asks for a simulation, does not wait, and is killed, and so is the gateway, with SIGKILL.
The job has to come to its end, with all spikes of an undisturbed run. Then a rank is killed: the
job that runs has to say so, and the result of one that had finished has to be there, byte for
byte.""",
    ),
    "queued": (
        "200 jobs that wait",
        """\
20 clients ask for 200 jobs, while simulations keep the kernel busy. A random third of those that
nobody waits for is left alone, the others are cancelled, at once or later. Of those whose callers
wait, half the callers hang up, and half are killed. Meanwhile nothing else happens, or the
gateway is killed five times, or a rank as well, in random order. Each accepted job has to end, in
one state that never changes again; those that are done must have been executed once, and all
others not at all; the kernel has to answer.""",
    ),
    "readers": (
        "Readers of events",
        """\
The same simulation is run in turns without readers and with three: one of all events, one of a
recorder's spikes, and one that has stopped reading. They may cost 2 % of the time, by the
medians of the times by the clock, which say little on a machine that is busy with other work; the
processor time of the ranks is told beside them.""",
    ),
    "loop": (
        "A loop of many short steps",
        """\
`Simulate(10.0)`, that is `Prepare`, `Run(10.0)` and `Cleanup`, 100,000 times unless it was told
otherwise, with the recorder read and cleared after each (NEST lets none be cleared before
`Cleanup`), by a script and by `nest_remote` over HTTP. All spikes have to be those of one
uninterrupted `Simulate`. The memory of all processes of the server together must not grow by more
than 4 MiB after the first tenth, and no step may be left in the list of jobs or on disk. A row of
fewer steps shows no more than that many: on a machine that is busy with other work, 100,000 take
hours.""",
    ),
}


def page(
    findings: Findings, head: str = _HEAD, described: Mapping[str, tuple[str, str]] = PARTS
) -> str:
    """The page as text.

    Parameters
    ----------
    findings : to be told
    head : what it begins with
    described : of each part its title, and what is tried and promised
    """
    parts = [head]
    for part, (title, about) in described.items():
        rows = [one for one in findings if one.part == part]
        if rows:
            parts += [f"\n## {title}\n\n{about}\n", *_table(rows)]
    return "\n".join(parts).rstrip() + "\n"


def _table(rows: Iterable[Finding]) -> Iterable[str]:
    yield "| case | ranks | found | holds | when (UTC) |"
    yield "|---|---|---|---|---|"
    # As it was found for each number of ranks, which come in their order.
    for one in sorted(rows, key=lambda one: one.ranks):
        found = " ".join(one.found.split()).replace("|", "\\|")
        holds = "✓" if one.holds else "**no**"
        yield f"| {one.case} | {one.ranks} | {found} | {holds} | {one.when} |"
