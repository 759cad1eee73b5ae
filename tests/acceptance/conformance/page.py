"""``docs/conformance.md``, made from the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.acceptance.conformance.distribution import VERSION
from tests.acceptance.conformance.known import LEFT_OUT, test_reason
from tests.acceptance.conformance.results import Miss, Results
from tests.acceptance.conformance.runs import LIMIT_S

#: Of a miss without a reason in ``known.py``.
UNKNOWN = "not yet looked at"
#: Files that are named of each cause.
_SHOWN = 5

_HEAD = f"""\
# Conformance

NEST's own examples and tests, sent through this server and compared with what plain PyNEST gives on
the same machine. This page is made by `scripts/conformance`, which fetches NEST {VERSION}'s source
distribution, runs everything on it and fails if too little passes. It takes hours; what plain
PyNEST gives is kept, so that a second run is shorter. `scripts/conformance --sample` takes minutes.
What was found is in `conformance.json` beside this page, which runs of parts add to.
"""

_EXAMPLES = f"""
## NEST's examples

An example is a Python file below `pynest/examples`. It belongs to the set if plain PyNEST runs it
alone, on one process, to its end in {LIMIT_S:.0f} s, by the clock or of processor time.

Its source goes to `POST /exec` of a new server, started in a directory with the files beside it.
Only the first line, a comment, is replaced, by what `python example.py` sets up: directory, path,
`__name__`, and seeds of random numbers that are not NEST's. A line is added at the end that saves
the numbers in its figures, as most examples draw more than they print.

It **passes** if it runs to its end and all numbers that it prints and draws are the same.

- What two plain runs don't agree in is not compared, nor is what a rule below leaves out.
- Numbers may differ relatively by 1e-9: sums over ranks are added up in another order.
- Points of a figure, and numbers in a printout of events, may come in another order: NEST promises
  none, and a server puts events in that of time and sender. Marked ↕ in the table.
- NEST gives the same spikes for the same number of virtual processes. On *N* ranks a new kernel has
  *N*, so the reference is plain PyNEST on one process with *N* threads wherever it would have one;
  or with one, as for an example in which threads change no more than an order.
- **mpirun** is plain PyNEST on as many ranks, by what rank 0 prints and draws.
"""

_TESTS = """
## NEST's tests

NEST's Python tests, without those that start MPI themselves, with the look-alike in place of `nest`
(`nest_remote.install_as_nest`), connected to a server that each process of pytest has for itself.
Tests that pass by plain PyNEST on one process are asked for. A test has two minutes.
"""


def page(results: Results) -> str:
    """The page as text."""
    parts = [_HEAD]
    if results.examples:
        parts += [_EXAMPLES, *_rules(), *_shares(results), *_table(results)]
        parts += [*_misses(results), *_outside(results)]
    if results.tests:
        parts += [_TESTS, *_folders(results)]
        for ranks in sorted(results.tests):
            parts += _missed_tests(results, ranks)
    return "\n".join(parts).rstrip() + "\n"


def _rules() -> Iterable[str]:
    yield "Left out:\n\n| pattern | why |\n|---|---|"
    for rule in LEFT_OUT:
        yield f"| `{rule.pattern.replace('|', chr(92) + '|')}` | {rule.why} |"


def _columns(results: Results) -> list[str]:
    found = {name for row in results.in_the_set().values() for name in row}
    kinds = ("served", "mpirun")
    columns = [name for name in found if name.split()[0] in kinds]
    return sorted(columns, key=lambda name: (kinds.index(name.split()[0]), name))


def _title(column: str) -> str:
    kind, _, ranks = column.partition(" ")
    what = "through the server" if kind == "served" else "plain PyNEST, mpirun"
    return f"{what}, {_ranks(int(ranks))}"


def _shares(results: Results) -> Iterable[str]:
    yield "\n| way of running | same numbers | run to their end |\n|---|---|---|"
    for column in _columns(results):
        passes, of = results.passing(column)
        rows = [row[column] for row in results.in_the_set().values() if column in row]
        ended = sum(not row["failure"] for row in rows)
        yield f"| {_title(column)} | {_share(passes, of)} | {ended} |"


def _table(results: Results) -> Iterable[str]:
    columns = _columns(results)
    short = [c.replace("served", "server").replace(" ", ", ") for c in columns]
    yield "\nNumbers compared, printed and drawn; what each way of running gave, with seconds.\n"
    yield f"| example | printed | drawn | plain | {' | '.join(short)} |"
    yield "|---|---|---|---|" + "---|" * len(columns)
    for name, row in results.in_the_set().items():
        plain = row["plain"]
        cells = [_cell(row.get(column)) for column in columns]
        yield (
            f"| `{name}` | {plain['printed']} | {plain['drawn']} | {plain['wall_s']} s "
            f"| {' | '.join(cells)} |"
        )


def _cell(verdict: dict[str, Any] | None) -> str:
    if verdict is None:
        return ""
    if verdict["passes"]:
        return f"✓{'↕' if verdict['reordered'] else ''} {verdict['wall_s']} s"
    return "**fails**" if verdict["failure"] else "**differs**"


def _misses(results: Results) -> Iterable[str]:
    yield "\n### Examples that don't pass through the server\n"
    yield "| example | ranks | what happens | why |\n|---|---|---|---|"
    for name, ranks, verdict, reason in results.missed_examples():
        said = _inline(verdict["failure"] or verdict["difference"])
        yield f"| `{name}` | {ranks} | {said} | {reason or UNKNOWN} |"


def _outside(results: Results) -> Iterable[str]:
    yield "\n### Examples outside the set\n\n| example | why |\n|---|---|"
    for name, row in sorted(results.examples.items()):
        if row["outside"]:
            yield f"| `{name}` | {_inline(row['outside'])} |"


def _folders(results: Results) -> Iterable[str]:
    numbers = sorted(results.tests)
    yield f"| folder | pass plain | {' | '.join(_ranks(ranks) for ranks in numbers)} |"
    yield "|---|---|" + "---|" * len(numbers)
    rows = {ranks: results.tests[ranks].folders() for ranks in numbers}
    for each in rows.values():
        each["**all**"] = (sum(p for p, _ in each.values()), sum(of for _, of in each.values()))
    for folder, (_, of) in rows[numbers[0]].items():
        cells = [_share(*rows[ranks].get(folder, (0, 0))) for ranks in numbers]
        yield f"| {folder} | {of} | {' | '.join(cells)} |"


def _missed_tests(results: Results, ranks: int) -> Iterable[str]:
    misses: dict[str, list[Miss]] = {}
    for miss in results.tests[ranks].misses:
        misses.setdefault(miss.cause, []).append(miss)
    yield f"\n### Misses on {_ranks(ranks)}, by cause\n"
    yield "`scripts/conformance --list-misses` names each test.\n"
    yield "| cause | tests | where | why |\n|---|---|---|---|"
    for name, tests in sorted(misses.items(), key=lambda item: -len(item[1])):
        files = Counter(miss.test.split("::")[0] for miss in tests)
        where = ", ".join(f"`{file}` ({number})" for file, number in files.most_common(_SHOWN))
        if len(files) > _SHOWN:
            where += f" and {len(files) - _SHOWN} more"
        reasons = sorted({test_reason(miss.test, ranks, miss.cause) or UNKNOWN for miss in tests})
        yield f"| {_inline(name)} | {len(tests)} | {where} | {'; '.join(reasons)} |"


def _ranks(number: int) -> str:
    return f"{number} rank{'' if number == 1 else 's'}"


def _share(passes: int, of: int) -> str:
    return f"{passes} of {of} ({passes / of:.1%})" if of else ""


def _inline(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:200]
