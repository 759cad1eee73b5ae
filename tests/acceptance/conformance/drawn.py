"""Run at the end of an example: saves the numbers in its figures to ``TARGET``.

Most examples show their results in figures and print little. What is drawn is as much a result
as what is printed.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def _of_artist(artist: Any) -> dict[str, Any]:
    """What a line, bar, image or collection shows, by the kind of numbers."""
    if hasattr(artist, "get_data_3d"):
        return {"line": np.column_stack(artist.get_data_3d())}
    if hasattr(artist, "get_xydata"):
        return {"line": artist.get_xydata()}
    if hasattr(artist, "get_height") and hasattr(artist, "get_xy"):
        return {"box": [[*artist.get_xy(), artist.get_width(), artist.get_height()]]}
    found = {}
    if hasattr(artist, "_offsets3d"):
        found["points"] = np.column_stack([np.ravel(each) for each in artist._offsets3d])
    elif hasattr(artist, "get_offsets"):
        found["points"] = artist.get_offsets()
    if hasattr(artist, "get_array"):
        found["values"] = artist.get_array()
    if hasattr(artist, "get_segments"):
        # Empty ones have another shape.
        segments = [each for each in artist.get_segments() if np.ndim(each) == 2]
        found["segments"] = np.concatenate(segments) if segments else []
    return found


def _rows(values: Any) -> Any:
    """One row a point, box or row of an image; what is masked is nan."""
    plain = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    return plain if plain.ndim == 2 else plain.reshape(-1, 1)


def drawn() -> dict[str, Any]:
    """Arrays by where they are drawn, of all figures that are open."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    arrays: dict[str, Any] = {}
    for figure in pyplot.get_fignums() if pyplot else []:
        for place, axes in enumerate(pyplot.figure(figure).axes):
            artists = [*axes.lines, *axes.collections, *axes.images, *axes.patches]
            for number, artist in enumerate(artists):
                for what, values in _of_artist(artist).items():
                    if values is not None:
                        name = f"figure {figure} axes {place} {what} {number}"
                        arrays[name] = _rows(values)
    return arrays


if "TARGET" in globals():
    np.savez_compressed(globals()["TARGET"], **drawn())
