"""Spatial layers: where their nodes are, and where a node's targets and sources are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nest_remote.plots.drawing import pyplot
from nest_remote.plots.masks import mask_patches
from protocol.wire.values import Array


class LayerPlots:
    """PyNEST's plots of spatial layers. Their names and parameters are PyNEST's own.

    Parameters
    ----------
    nest : PyNEST, or an object with its interface
    """

    def __init__(self, nest: Any) -> None:
        self._nest = nest

    def PlotLayer(  # noqa: N802
        self, layer: Any, fig: Any = None, nodecolor: Any = "b", nodesize: float = 20
    ) -> Any:
        """Draw all nodes of a layer, and in two dimensions its extent.

        Parameters
        ----------
        layer : NodeCollection with positions in two or three dimensions
        fig : matplotlib figure to draw in, in its current axes; a new one if not given
        nodecolor : colour of the nodes, any that matplotlib knows
        nodesize : area of their markers, in points squared

        Returns
        -------
        The figure.

        Raises
        ------
        TypeError
            If ``layer`` is no NodeCollection, or one without positions.
        ImportError
            If matplotlib is missing.
        """
        plt = pyplot()
        self._need_nodes(layer, "layer")
        extent, center = _place(layer, "layer")
        fig, axes = _axes(plt, fig, len(extent))
        positions = _rows(self._nest.GetPosition(layer))
        _scatter(axes, positions, s=nodesize, facecolor=nodecolor)
        if len(extent) == 2:
            _draw_extent(axes, center, extent)
        plt.draw_if_interactive()
        return fig

    def PlotTargets(  # noqa: N802
        self,
        src_nrn: Any,
        tgt_layer: Any,
        syn_type: str | None = None,
        fig: Any = None,
        mask: dict[str, Any] | None = None,
        probability_parameter: Any = None,
        src_color: Any = "red",
        src_size: float = 50,
        tgt_color: Any = "blue",
        tgt_size: float = 20,
        mask_color: Any = "yellow",
        probability_cmap: Any = "Greens",
    ) -> Any:
        """Draw the targets that a node has in a layer, and the node itself.

        Parameters
        ----------
        src_nrn : NodeCollection of the one source, which has a position
        tgt_layer : NodeCollection with positions in two or three dimensions
        syn_type : synapse model of the connections to follow; all if not given
        fig : matplotlib figure to draw in, in its current axes; a new one if not given
        mask, probability_parameter : of the connection rule, to be drawn below the targets of
            a layer of two dimensions, see ``PlotProbabilityParameter``
        src_color, tgt_color, mask_color : any that matplotlib knows
        src_size, tgt_size : area of the markers, in points squared
        probability_cmap : matplotlib colour map of the probability

        Returns
        -------
        The figure.

        Raises
        ------
        TypeError
            If ``src_nrn`` is not one node, or ``tgt_layer`` no NodeCollection with positions.
        ImportError
            If matplotlib is missing.
        """
        self._need_one_node(src_nrn, "src_nrn")
        self._need_nodes(tgt_layer, "tgt_layer")
        place = _place(tgt_layer, "tgt_layer")
        (targets,) = self._nest.GetTargetPositions(src_nrn, tgt_layer, syn_type)
        return self._draw_partners(
            fig,
            place,
            src_nrn,
            {"s": src_size, "facecolor": src_color},
            targets,
            {"s": tgt_size, "facecolor": tgt_color},
            probability_parameter,
            mask=mask,
            prob_cmap=probability_cmap,
            mask_color=mask_color,
        )

    def PlotSources(  # noqa: N802
        self,
        src_layer: Any,
        tgt_nrn: Any,
        syn_type: str | None = None,
        fig: Any = None,
        mask: dict[str, Any] | None = None,
        probability_parameter: Any = None,
        tgt_color: Any = "red",
        tgt_size: float = 50,
        src_color: Any = "blue",
        src_size: float = 20,
        mask_color: Any = "yellow",
        probability_cmap: Any = "Greens",
    ) -> Any:
        """Draw the sources that a node has in a layer, and the node itself.

        Parameters
        ----------
        src_layer : NodeCollection with positions in two or three dimensions
        tgt_nrn : NodeCollection of the one target, which has a position
        syn_type : synapse model of the connections to follow; all if not given
        fig : matplotlib figure to draw in, in its current axes; a new one if not given
        mask, probability_parameter : of the connection rule, to be drawn below the sources of
            a layer of two dimensions, see ``PlotProbabilityParameter``
        tgt_color, src_color, mask_color : any that matplotlib knows
        tgt_size, src_size : area of the markers, in points squared
        probability_cmap : matplotlib colour map of the probability

        Returns
        -------
        The figure.

        Raises
        ------
        TypeError
            If ``tgt_nrn`` is not one node, or ``src_layer`` no NodeCollection with positions.
        ImportError
            If matplotlib is missing.
        """
        self._need_one_node(tgt_nrn, "tgt_nrn")
        self._need_nodes(src_layer, "src_layer")
        place = _place(src_layer, "src_layer")
        (sources,) = self._nest.GetSourcePositions(src_layer, tgt_nrn, syn_type)
        return self._draw_partners(
            fig,
            place,
            tgt_nrn,
            {"s": tgt_size, "facecolor": tgt_color},
            sources,
            {"s": src_size, "facecolor": src_color},
            probability_parameter,
            mask=mask,
            prob_cmap=probability_cmap,
            mask_color=mask_color,
        )

    def _draw_partners(
        self,
        fig: Any,
        place: Any,
        node: Any,
        node_style: dict[str, Any],
        partners: Any,
        partner_style: dict[str, Any],
        probability_parameter: Any,
        mask: Any,
        **colors: Any,
    ) -> Any:
        """Draw ``node`` and, at their positions, the nodes of a layer that it is connected with."""
        plt = pyplot()
        extent, center = place
        fig, axes = _axes(plt, fig, len(extent))
        if len(partners) > 0:
            _scatter(axes, _rows(partners), **partner_style)
        position = _rows(self._nest.GetPosition(node))
        _scatter(axes, position, alpha=0.4, zorder=-10, **node_style)
        if len(extent) == 2:
            if mask is not None or probability_parameter is not None:
                self.PlotProbabilityParameter(
                    node,
                    probability_parameter,
                    mask=mask,
                    edges=_edges(center, extent),
                    ax=axes,
                    **colors,
                )
            _draw_extent(axes, center, extent)
        plt.draw_if_interactive()
        return fig

    def PlotProbabilityParameter(  # noqa: N802
        self,
        source: Any,
        parameter: Any = None,
        mask: dict[str, Any] | None = None,
        edges: Sequence[float] = (-0.5, 0.5, -0.5, 0.5),
        shape: Sequence[int] = (100, 100),
        ax: Any = None,
        prob_cmap: Any = "Greens",
        mask_color: Any = "yellow",
    ) -> None:
        """Draw how probable a node's connection to each point is, and the connection's mask.

        Parameters
        ----------
        source : NodeCollection of the one node, which has a position in two dimensions
        parameter : Parameter that depends on distance or position; values below 0 and above 1
            are drawn as 0 and 1
        mask : type of mask ("rectangular", "circular", "doughnut" or "elliptical"): its
            parameters, as ``CreateMask`` takes them; optionally "anchor"
        edges : of the region: x_min, x_max, y_min, y_max
        shape : number of points along x and y at which ``parameter`` is computed
        ax : matplotlib axes to draw in; those of a new figure if not given
        prob_cmap : matplotlib colour map of the probability
        mask_color : colour of the mask, any that matplotlib knows

        Raises
        ------
        ValueError
            If neither ``parameter`` nor ``mask`` is given, or the mask is of another type.
        TypeError
            If ``mask`` is no dictionary.
        ImportError
            If matplotlib is missing.
        """
        plt = pyplot()
        if parameter is None and mask is None:
            raise ValueError("At least one of parameter or mask must be specified")
        patches = [] if mask is None else self._patches(source, mask, mask_color)
        values = None if parameter is None else _values(source, parameter, edges, shape)
        if ax is None:
            _, ax = plt.subplots()
        ax.set_xlim(*edges[:2])
        ax.set_ylim(*edges[2:])
        if values is not None:
            image = ax.imshow(
                values, extent=edges, origin="lower", cmap=prob_cmap, vmin=0.0, vmax=1.0
            )
            ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.04)
        for patch in patches:
            patch.set_zorder(0.5)
            ax.add_patch(patch)

    def _patches(self, source: Any, mask: dict[str, Any], color: Any) -> list[Any]:
        extent, _ = _place(source, "source")
        position = _rows(self._nest.GetPosition(source))[0]
        return mask_patches(mask, position, extent, bool(source.spatial["edge_wrap"]), color)

    def _need_nodes(self, nodes: Any, name: str) -> None:
        if not isinstance(nodes, self._nest.NodeCollection):
            raise TypeError(f"{name} must be a NodeCollection.")

    def _need_one_node(self, nodes: Any, name: str) -> None:
        if not isinstance(nodes, self._nest.NodeCollection) or len(nodes) != 1:
            raise TypeError(f"{name} must be a single element NodeCollection.")


def functions(nest: Any) -> dict[str, Callable[..., Any]]:
    """Return PyNEST's plots of spatial layers, for the kernel behind ``nest``."""
    plots = LayerPlots(nest)
    return {
        "PlotLayer": plots.PlotLayer,
        "PlotProbabilityParameter": plots.PlotProbabilityParameter,
        "PlotSources": plots.PlotSources,
        "PlotTargets": plots.PlotTargets,
    }


def _place(layer: Any, name: str) -> tuple[Array, Array]:
    """Return extent and center of ``layer``, each of shape (d,)."""
    spatial = layer.spatial
    if spatial is None:
        raise TypeError(f"{name} must be a NodeCollection with positions.")
    return np.asarray(spatial["extent"]), np.asarray(spatial["center"])


def _rows(positions: Any) -> Array:
    """Return positions as shape (n, d), also of one node, for which PyNEST gives (d,)."""
    return np.atleast_2d(np.asarray(positions, dtype=float))


def _axes(plt: Any, fig: Any, dimensions: int) -> tuple[Any, Any]:
    """Return figure and axes to draw in: those of ``fig``, if given and not empty."""
    if fig is None:
        fig = plt.figure()
    if fig.axes:
        return fig, fig.gca()
    return fig, fig.add_subplot(projection="3d") if dimensions == 3 else fig.add_subplot()


def _scatter(axes: Any, positions: Array, **look: Any) -> None:
    """Draw a marker at each of ``positions``, shape (n, d)."""
    axes.scatter(*positions.T, **look)


def _edges(center: Array, extent: Array) -> tuple[float, float, float, float]:
    """Return a region of twice the layer's extent, for masks that reach beyond it."""
    (x, y), (width, height) = center.tolist(), extent.tolist()
    return x - width, x + width, y - height, y + height


def _draw_extent(axes: Any, center: Array, extent: Array) -> None:
    """Frame the layer in gray, and leave nothing but it and a narrow margin in sight."""
    lower, upper = center - extent / 2.0, center + extent / 2.0
    frame = {"facecolor": "none", "edgecolor": "0.5", "linewidth": 1, "zorder": 1}
    axes.add_patch(pyplot().Rectangle(lower, *extent, **frame))
    margin = 0.05 * extent
    (left, bottom), (right, top) = lower - margin, upper + margin
    axes.set(aspect="equal", xlim=(left, right), ylim=(bottom, top), xticks=(), yticks=())


def _values(source: Any, parameter: Any, edges: Sequence[float], shape: Sequence[int]) -> Array:
    """Evaluate ``parameter`` in a region, limited to 0..1, shape (shape[1], shape[0])."""
    xs = np.linspace(edges[0], edges[1], shape[0])
    ys = np.linspace(edges[2], edges[3], shape[1])
    # All points in one call: each call may have a long way to NEST.
    points = [[x, y] for x in xs.tolist() for y in ys.tolist()]
    values: Array = np.asarray(parameter.apply(source, points)).reshape(shape[0], shape[1])
    return values.T.clip(0.0, 1.0)
