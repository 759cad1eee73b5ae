"""Makes ``docs/performance.md`` and ``performance.csv`` of what was measured.

The page is the text of ``page.md`` with the figures that decide; the CSV file has every row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from pathlib import Path

from benchmarks import cases, growth
from benchmarks.rows import COLUMNS, FLOOR, NEXT_PEER, PEER, THIS, CaseResult, Row
from benchmarks.store import Store

TEMPLATE = Path(__file__).with_name("page.md")
_PLACE = re.compile(r"^\{\{(\w+)\}\}$", re.MULTILINE)
_PLOT = re.compile(r"^!\[.*\]\((.+\.svg)\)\n\n", re.MULTILINE)
_WORDS = {True: "met", False: "**missed**", None: "not measured"}


def render(store: Store, drawn: Collection[str] = ()) -> str:
    """Return the page.

    Parameters
    ----------
    store : what was measured
    drawn : names of the plots that there are; the page shows no others
    """
    parts = {
        "machine": _machine(store),
        "to_show": _to_show(store),
        "missing": _missing(store),
        "growth": _growth(store),
        "thousand": _thousand(store),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    text = _PLOT.sub(lambda plot: plot[0] if plot[1] in drawn else "", text)
    return _PLACE.sub(lambda place: parts[place[1]], text)


def _ordered(store: Store) -> list[CaseResult]:
    return [store.cases[name] for name in cases.NAMES if name in store.cases]


def _machine(store: Store) -> str:
    found = store.machine
    if not found:
        return "Nothing has been measured yet."
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    quick = any(case.quick for case in store.cases.values())
    return (
        f"{found['processor']}, {found['cores']} cores, {found['memory_gib']} GiB; "
        f"{found['system']}, Python {found['python']}; {packages}. {found['date']}; "
        f"load when it began: {found['load']:g}." + (" A coarse picture (`--quick`)." * quick)
    )


def _to_show(store: Store) -> str:
    lines = ["| case | target | measured | |", "|---|---|---|---|"]
    for case in _ordered(store):
        for row in case.rows:
            if not row.to_show or row.target is None:
                continue
            found = row.target.measured(row)
            unit = row.unit if row.target.kind in ("above", "value") else ""
            if row.target.kind == "times":
                unit = "times"
            measured = "" if found is None else f"{number(found)} {unit}".strip()
            limit = row.target.text(row.unit)
            lines.append(
                f"| {row.to_show} | {limit} | {measured} | {_WORDS[row.target.met(row)]} |"
            )
    return "\n".join(lines)


def _missing(store: Store) -> str:
    """Return a list of what was not measured and why; empty if all was."""
    lines = [
        f"- Not measured, {case.title}: {why}" for case in _ordered(store) for why in _reasons(case)
    ]
    return "\n".join(lines)


def write_table(store: Store, path: Path) -> None:
    """Write every row of every case as CSV: medians, lowest and highest rounds, and ratios."""
    names = {PEER: "3.10", NEXT_PEER: store.next_peer, THIS: "this", FLOOR: "floor"}
    head = ["case", "what", "unit", "ranks"]
    head += [
        f"{names[name]} {part}" for name in COLUMNS for part in ("median", "lowest", "highest")
    ]
    head += [f"this / {names[name]}" for name in COLUMNS if name != THIS]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        for case in _ordered(store):
            for row in case.rows:
                cells = [case.name, row.what, row.unit, "" if row.ranks is None else str(row.ranks)]
                for name in COLUMNS:
                    values = row.rounds.get(name)
                    median = row.median(name)
                    if not values or median is None:
                        cells += ["", "", ""]
                        continue
                    cells += [number(median), number(min(values)), number(max(values))]
                ratios = [row.ratio(name) for name in COLUMNS if name != THIS]
                writer.writerow(cells + ["" if one is None else number(one) for one in ratios])


def _reasons(case: CaseResult) -> list[str]:
    found = {
        f"{row.what}, {column}: {why}" for row in case.rows for column, why in row.missing.items()
    }
    return ([case.failed] if case.failed else []) + sorted(found)


def table(rows: list[Row], next_peer: str = "next") -> str:
    """The rows as Markdown, with the columns that any of them has."""
    columns = [name for name in COLUMNS if any(name in row.rounds for row in rows)]
    ratios = [name for name in columns if name != THIS]
    titles = {PEER: "3.10", NEXT_PEER: next_peer, THIS: "this", FLOOR: "floor"}
    head = ["what", "unit", *(titles[name] for name in columns)]
    head += [f"this / {titles[name]}" for name in ratios]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [row.what, row.unit, *(_cell(row, name) for name in columns)]
        for name in ratios:
            ratio = row.ratio(name)
            cells.append("" if ratio is None else number(ratio))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row, column: str) -> str:
    """Median, and the lowest and highest round."""
    median = row.median(column)
    if median is None:
        return ""
    values = row.rounds[column]
    spread = f" ({number(min(values))}..{number(max(values))})" if len(values) > 1 else ""
    return number(median) + spread


def number(value: float) -> str:
    """With as many digits as the measurement is worth."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _growth(store: Store) -> str:
    lines = [
        "| cost of | sizes | ranks | size^ | size^ between the two largest | ranks^ |",
        "|---|---|---|---|---|---|",
    ]
    for found in growth.series(_ordered(store)):
        sizes = sorted({size for size, _ in found.points})
        ranks = sorted({rank for _, rank in found.points})
        exponents = [
            "" if one is None else f"{one:.2f}"
            for one in (found.by_size, found.by_size_at_last, found.by_ranks)
        ]
        said = [", ".join(f"{one:g}" for one in axis) for axis in (sizes, ranks)]
        lines.append("| " + " | ".join([found.name, *said, *exponents]) + " |")
    return "\n".join(lines)


def _thousand(store: Store) -> str:
    found = {one.name: one for one in growth.series(_ordered(store))}
    call, merging = (
        found.get(name) for name in ("rank 0's part of a small call", "merging 1e6 spikes")
    )
    if call is None or merging is None:
        return "Not measured: `rank_messages`."
    call_line, merging_line = growth.line(call), growth.line(merging)
    terms = [
        ("an operation: sent to, heard from and merged of each rank", call_line),
        ("a million spikes, merged from as many parts as ranks", merging_line),
    ]
    lines = [
        "| rank 0's part | constant | each rank | 4 ranks | 100 ranks | 1000 ranks |",
        "|---|---|---|---|---|---|",
    ]
    for what, one in terms:
        cells = [f"{number(one.start)} ms", f"{number(one.each * 1000)} us"]
        cells += [f"{number(one.at(ranks))} ms" for ranks in (4, 100, 1000)]
        lines.append("| " + " | ".join([what, *cells]) + " |")
    return "\n".join(lines)
