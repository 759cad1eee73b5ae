"""Plots of what was measured, as SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

from benchmarks import growth
from benchmarks.rows import COLUMNS, FLOOR, NEXT_PEER, PEER, THIS, Row
from benchmarks.store import Store

#: Of the columns, distinct for the colour-blind.
_COLOURS = {PEER: "#999999", NEXT_PEER: "#e69f00", THIS: "#0072b2", FLOOR: "#009e73"}


def draw(store: Store, directory: Path) -> list[Path]:
    """Write the plots whose cases were measured; their paths."""
    matplotlib.use("svg")
    # Nothing in the files that changes without the figures.
    matplotlib.rcParams.update({"svg.hashsalt": "nestd", "svg.fonttype": "none", "font.size": 9})
    plots: dict[str, Callable[[Store, Any], bool]] = {
        "performance-calls.svg": _calls,
        "performance-spikes.svg": _spikes,
        "performance-ranks.svg": _data_on_ranks,
        "performance-ranks-calls.svg": _calls_on_ranks,
    }
    written = []
    for name, plot in plots.items():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 3.5), layout="constrained")
        if plot(store, figure.add_subplot()):
            path = directory / name
            figure.savefig(path, format="svg", metadata={"Date": None})
            written.append(path)
    return written


def _calls(store: Store, axes: Any) -> bool:
    """Milliseconds of small requests, all servers beside each other."""
    rows = [
        row
        for name in ("small_calls", "scripts", "during_run")
        if name in store.cases
        for row in store.cases[name].rows
        if row.unit == "ms" and row.what.endswith("p50") and "rank" not in row.what
    ]
    if not rows:
        return False
    columns = [name for name in COLUMNS if any(row.median(name) for row in rows)]
    height = 0.8 / len(columns)
    for index, column in enumerate(columns):
        label = store.next_peer if column == NEXT_PEER else column
        places = [at + index * height for at in range(len(rows))]
        widths = [row.median(column) or 0.0 for row in rows]
        axes.barh(places, widths, height, label=label, color=_COLOURS[column])
    axes.set_yticks([at + 0.4 - height / 2 for at in range(len(rows))])
    axes.set_yticklabels([row.what.removesuffix(" p50") for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("median, ms")
    axes.legend()
    return True


def _spikes(store: Store, axes: Any) -> bool:
    """Milliseconds of spikes out by their number, by form and server."""
    rows = store.cases["spikes"].rows if "spikes" in store.cases else []
    forms: dict[str, list[Row]] = {}
    for row in rows:
        if row.size is not None and row.series:
            forms.setdefault(row.series, []).append(row)
    for name, found in forms.items():
        for column, style in ((THIS, "o-"), (PEER, "s--"), (NEXT_PEER, "^--"), (FLOOR, ":")):
            points = [
                (row.size, row.median(column)) for row in found if row.median(column) is not None
            ]
            if points:
                label = store.next_peer if column == NEXT_PEER else column
                axes.plot(*zip(*points, strict=True), style, label=f"{name}, {label}", markersize=4)
    return _log_log(axes, "spikes", bool(forms))


def _data_on_ranks(store: Store, axes: Any) -> bool:
    """Milliseconds of data and simulations, of the largest size, by the number of ranks."""
    names = ("spikes_on_ranks", "connections", "parameters", "simulation")
    return _on_ranks(store, axes, names)


def _calls_on_ranks(store: Store, axes: Any) -> bool:
    """Likewise of small requests."""
    names = ("starts", "small_calls", "clients", "scripts", "closed_loop", "during_run")
    return _on_ranks(store, axes, names)


def _on_ranks(store: Store, axes: Any, names: tuple[str, ...]) -> bool:
    measured = [store.cases[name] for name in names if name in store.cases]
    found = [one for one in growth.series(measured) if "on ranks" in one.name]
    for one in found:
        largest = max(size for size, _ in one.points)
        points = sorted(
            (ranks, cost) for (size, ranks), cost in one.points.items() if size == largest
        )
        scale = 1000.0 if one.unit == "s" else 1.0
        xs, ys = zip(*points, strict=True)
        name = one.name.removesuffix(" on ranks").removesuffix(",")
        axes.plot(xs, [y * scale for y in ys], "o-", label=f"{name}, {largest:g}", markersize=4)
    return _log_log(axes, "ranks", bool(found))


def _log_log(axes: Any, what: str, has: bool) -> bool:
    if has:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(what)
        axes.set_ylabel("median, ms")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return has
