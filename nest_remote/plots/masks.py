"""Masks of connection rules as shapes in a plot of two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from protocol.wire.values import Array

#: The types of mask that have a shape in two dimensions.
TYPES = ("circular", "doughnut", "elliptical", "rectangular")


#: Where a mask is drawn in a layer with wrapped edges, in lengths of the layer; in PyNEST's order.
_IMAGES = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1), (1, 1), (-1, -1))


def mask_patches(
    mask: dict[str, Any], position: Array, extent: Array, periodic: bool, color: Any
) -> list[Any]:
    """Make matplotlib patches that show ``mask``, as ``CreateMask`` is given it, around a node.

    Parameters
    ----------
    mask : one of ``TYPES``: its parameters; optionally "anchor": where the mask is relative to
        the node
    position : of the node, shape (2,)
    extent : of the node's layer, shape (2,)
    periodic : whether the layer's edges are wrapped. The mask is then drawn nine times: also
        around the node's images beyond the four edges and corners.
    color : of the inside, any that matplotlib knows; None for its own

    Raises
    ------
    TypeError
        If ``mask`` is no dictionary. A mask that was made of one doesn't tell its shape.
    ValueError
        If the mask is of another type, or the node has a position in three dimensions.
    """
    if not isinstance(mask, dict):
        raise TypeError("mask must be a dictionary, not a mask that was made of one.")
    if len(position) != 2 or not any(name in mask for name in TYPES):
        raise ValueError(f"Only masks of two dimensions can be plotted: {', '.join(TYPES)}.")
    center = np.asarray(position, dtype=float) + np.asarray(mask.get("anchor", (0.0, 0.0)))
    images = _IMAGES if periodic else _IMAGES[:1]
    return [_patch(mask, center + np.multiply(image, extent), color) for image in images]


def _patch(mask: dict[str, Any], center: Array, color: Any) -> Any:
    from matplotlib.patches import Annulus, Circle, Ellipse, Rectangle

    middle = (float(center[0]), float(center[1]))
    look = {"facecolor": color, "edgecolor": "black", "alpha": 0.2, "linewidth": 2}
    if "circular" in mask:
        return Circle(middle, mask["circular"]["radius"], **look)
    if "doughnut" in mask:
        inner = mask["doughnut"].get("inner_radius", 0.0)
        outer = mask["doughnut"]["outer_radius"]
        if inner == 0.0:
            return Circle(middle, outer, **look)
        return Annulus(middle, outer, outer - inner, **look)
    if "rectangular" in mask:
        shape = mask["rectangular"]
        lower_left = np.asarray(shape["lower_left"])
        width, height = np.asarray(shape["upper_right"]) - lower_left
        return Rectangle(
            center + lower_left,
            width,
            height,
            angle=shape.get("azimuth_angle", 0.0),
            rotation_point="center",
            **look,
        )
    shape = mask["elliptical"]
    return Ellipse(
        center + np.asarray(shape.get("anchor", (0.0, 0.0))),
        shape["major_axis"],
        shape["minor_axis"],
        angle=shape.get("azimuth_angle", 0.0),
        **look,
    )
