"""What a figure shows, in a form that can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from protocol.wire.values import Array

DIGITS = 5


def picture(figure: Figure) -> list[dict[str, Any]]:
    """What each axes of ``figure`` shows, in the order of their making."""
    return [
        {
            "kind": axes.name,
            "place": _numbers(axes.get_position().bounds),
            "title": axes.get_title(),
            "labels": (axes.get_xlabel(), axes.get_ylabel()),
            "limits": _numbers([*axes.get_xlim(), *axes.get_ylim()]),
            "ticks": (_numbers(axes.get_xticks()), _numbers(axes.get_yticks())),
            "aspect": axes.get_aspect(),
            "legend": [text.get_text() for text in legend.get_texts()]
            if (legend := axes.get_legend())
            else None,
            "lines": [_line(line) for line in axes.lines],
            "dots": [_dots(d) for d in axes.collections if isinstance(d, PathCollection)],
            "shapes": sorted(_shape(patch, axes) for patch in axes.patches),
            "images": [_image(image) for image in axes.images],
        }
        for axes in figure.axes
    ]


def points(figure: Figure) -> list[tuple[float, ...]]:
    """Where dots are in the first axes of ``figure``, two- or three-dimensional, sorted."""
    return sorted(place for dots in figure.axes[0].collections for place in _places(dots))


def _line(line: Any) -> Any:
    look = (line.get_linestyle(), line.get_marker(), to_hex(line.get_color()), line.get_label())
    return _numbers(line.get_xdata()), _numbers(line.get_ydata()), look


def _places(dots: Any) -> list[tuple[float, ...]]:
    if hasattr(dots, "_offsets3d"):
        return [tuple(_numbers(place)) for place in np.column_stack(dots._offsets3d)]
    return [tuple(_numbers(place)) for place in dots.get_offsets()]


def _dots(dots: Any) -> Any:
    faces = [to_hex(face, keep_alpha=True) for face in dots.get_facecolor()]
    return _places(dots), _numbers(dots.get_sizes()), faces, dots.get_zorder()


def _shape(patch: Any, axes: Any) -> Any:
    look = (
        to_hex(patch.get_facecolor(), keep_alpha=True),
        to_hex(patch.get_edgecolor(), keep_alpha=True),
        patch.get_linewidth(),
        patch.get_zorder(),
    )
    outline = patch.get_path().transformed(patch.get_transform() - axes.transData)
    box = _numbers(outline.get_extents().extents)
    return box, _covered(outline).tolist(), look


def _covered(outline: Any) -> Array:
    """Which points of a grid lie inside; two outlines made of other vertices can be the same."""
    grid = np.linspace(-2.013, 2.017, 60)
    covered: Array = outline.contains_points(
        np.column_stack([axis.ravel() for axis in np.meshgrid(grid, grid)])
    )
    return np.flatnonzero(covered)


def _image(image: Any) -> Any:
    limits = (image.norm.vmin, image.norm.vmax)
    return (
        _numbers(image.get_array().ravel()),
        _numbers(image.get_extent()),
        limits,
        image.cmap.name,
    )


def _numbers(values: Any) -> list[float]:
    # Adding 0 makes -0.0 what it is equal to.
    return (np.round(np.asarray(values, dtype=float), DIGITS) + 0.0).tolist()
