"""Plots of spatial layers show what PyNEST's own show."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nest_remote.plots import layers
from nestd.kernel.pynest import nest
from tests.unit.nest_remote.plots.conftest import Draw
from tests.unit.nest_remote.plots.pictures import picture, points

OURS = layers.functions(nest)
NAMES = ("PlotLayer", "PlotTargets", "PlotSources", "PlotProbabilityParameter")

CORNER = {"rectangular": {"lower_left": [-0.05, -0.72], "upper_right": [0.72, 0.05]}}
MASKS: list[dict[str, Any]] = [
    {"circular": {"radius": 0.4}},
    {"circular": {"radius": 0.4}, "anchor": [0.3, -0.1]},
    {"doughnut": {"inner_radius": 0.2, "outer_radius": 0.45}},
    {"doughnut": {"inner_radius": 0.2, "outer_radius": 0.45}, "anchor": [0.1, 0.2]},
    CORNER,
    {**CORNER, "anchor": [0.25, 0.0]},
    {"rectangular": {**CORNER["rectangular"], "azimuth_angle": 30.0}},
    {"rectangular": {**CORNER["rectangular"], "azimuth_angle": 30.0}, "anchor": [0.25, 0.1]},
    {"elliptical": {"major_axis": 0.8, "minor_axis": 0.4}},
    {"elliptical": {"major_axis": 0.8, "minor_axis": 0.4, "azimuth_angle": 60.0}},
    {"elliptical": {"major_axis": 0.8, "minor_axis": 0.4, "anchor": [0.2, 0.3]}},
]


def grid(shape: tuple[int, ...] = (3, 3), **options: Any) -> Any:
    return nest.Create("iaf_psc_alpha", positions=nest.spatial.grid(list(shape), **options))


def connected(shape: tuple[int, ...] = (3, 3), **options: Any) -> Any:
    """A layer with connections within: one in two dimensions has them in ``CORNER`` only."""
    layer = grid(shape, **options)
    rule: dict[str, Any] = {"rule": "pairwise_bernoulli", "p": 1.0}
    nest.Connect(layer, layer, rule | ({"mask": CORNER} if len(shape) == 2 else {}))
    return layer


@pytest.mark.parametrize("name", NAMES)
def test_has_pynests_name_and_parameters(name: str) -> None:
    theirs = inspect.signature(getattr(nest, name)).parameters
    ours = inspect.signature(OURS[name]).parameters
    assert OURS.keys() == set(NAMES)
    assert OURS[name].__name__ == name
    assert OURS[name].__doc__
    assert [*ours] == [*theirs]
    for parameter in theirs.values():
        default = parameter.default
        # A list that is a default could be changed by a caller.
        expected = tuple(default) if isinstance(default, list) else default
        assert ours[parameter.name].default == expected


@pytest.mark.parametrize(
    "positions",
    [
        nest.spatial.grid([4, 3]),
        nest.spatial.grid([4, 3], extent=[2.0, 1.0], center=[1.0, -1.0], edge_wrap=True),
        nest.spatial.grid([1, 1]),
        nest.spatial.free([[0.1, 0.2], [0.3, -0.4], [-0.5, 0.6]]),
    ],
    ids=["grid", "periodic", "one node", "free"],
)
@pytest.mark.parametrize("options", [{}, {"nodecolor": "g", "nodesize": 7.0}], ids=str)
def test_layers_are_drawn_as_by_pynest(
    positions: Any, options: dict[str, Any], figure_of: Draw
) -> None:
    layer = nest.Create("iaf_psc_alpha", positions=positions)
    theirs = picture(figure_of(nest.PlotLayer, layer, **options))
    assert picture(figure_of(OURS["PlotLayer"], layer, **options)) == theirs


@pytest.mark.parametrize("shape", [(2, 3, 2), (1, 1, 1)])
def test_layers_of_three_dimensions_are_drawn_as_by_pynest(
    shape: tuple[int, ...], figure_of: Draw
) -> None:
    layer = grid(shape)
    # PyNEST takes the axis of one node's position for three nodes' first coordinates.
    theirs = picture(figure_of(nest.PlotLayer, layer, nodecolor="g"))
    assert picture(figure_of(OURS["PlotLayer"], layer, nodecolor="g")) == theirs


def test_figures_are_returned_and_may_be_given() -> None:
    layer = connected()
    solid = grid((2, 2, 2))
    for name, args in (
        ("PlotLayer", (layer,)),
        ("PlotTargets", (layer[4], layer)),
        ("PlotSources", (layer, layer[4])),
        ("PlotLayer", (solid,)),
        ("PlotTargets", (solid[0], solid)),
        ("PlotSources", (solid, solid[0])),
    ):
        figure = OURS[name](*args)
        assert figure is plt.gcf()
        before = len(figure.gca().collections)
        assert OURS[name](*args, fig=figure) is figure
        assert len(figure.gca().collections) == 2 * before
        blank = plt.figure()
        assert OURS[name](*args, fig=blank) is blank
        assert blank.gca().name == ("3d" if args[-1].spatial["extent"].size == 3 else "rectilinear")
        plt.close("all")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask": CORNER},
        {"mask": CORNER, "mask_color": "green", "probability_cmap": "Blues"},
        {"src_color": "k", "src_size": 9.0, "tgt_color": "m", "tgt_size": 8.0},
        {"syn_type": "static_synapse"},
    ],
    ids=str,
)
@pytest.mark.parametrize("wrap", [False, True])
def test_targets_are_drawn_as_by_pynest(
    options: dict[str, Any], wrap: bool, figure_of: Draw
) -> None:
    layer = connected(extent=[2.0, 2.0], edge_wrap=wrap)
    theirs = picture(figure_of(nest.PlotTargets, layer[4], layer, **options))
    assert picture(figure_of(OURS["PlotTargets"], layer[4], layer, **options)) == theirs


@pytest.mark.parametrize("options", [{}, {"mask": CORNER}], ids=str)
def test_sources_are_drawn_as_by_pynest_but_for_colors(
    options: dict[str, Any], figure_of: Draw
) -> None:
    layer = connected(extent=[2.0, 2.0])
    theirs = picture(figure_of(nest.PlotSources, layer, layer[4], tgt_color="blue", **options))
    # PyNEST draws the target in the color of the sources.
    same_color = {"tgt_color": "blue", "src_color": "blue"}
    shown = figure_of(OURS["PlotSources"], layer, layer[4], **same_color, **options)
    assert picture(shown) == theirs


@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2)])
def test_sources_and_target_have_the_colors_asked_for(
    shape: tuple[int, ...], figure_of: Draw
) -> None:
    layer = connected(shape)
    shown = figure_of(OURS["PlotSources"], layer, layer[4], src_color="g", tgt_color="m")
    sources, target = shown.gca().collections
    assert sources.get_facecolor()[0][:3].tolist() == [0.0, 0.5, 0.0]
    assert target.get_facecolor()[0][:3].tolist() == [0.75, 0.0, 0.75]
    assert len(nest.GetPosition(layer)) >= len(sources.get_offsets()) > 1
    assert len(target.get_offsets()) == 1


def test_targets_and_sources_of_three_dimensions_are_drawn_as_by_pynest(figure_of: Draw) -> None:
    layer = connected((2, 3, 2))
    theirs = picture(figure_of(nest.PlotTargets, layer[4], layer))
    assert picture(figure_of(OURS["PlotTargets"], layer[4], layer)) == theirs
    # As to sources, PyNEST confuses their color with the target's.
    their_points = points(figure_of(nest.PlotSources, layer, layer[4]))
    assert points(figure_of(OURS["PlotSources"], layer, layer[4])) == their_points


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 2)])
def test_a_node_without_connections_is_drawn_alone(shape: tuple[int, ...], figure_of: Draw) -> None:
    layer = grid(shape)
    place = [tuple(nest.GetPosition(layer[1]))]
    assert points(figure_of(OURS["PlotTargets"], layer[1], layer)) == place
    assert points(figure_of(OURS["PlotSources"], layer, layer[1])) == place


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("mask", MASKS, ids=str)
def test_masks_are_drawn_as_by_pynest(mask: dict[str, Any], wrap: bool, figure_of: Draw) -> None:
    node = grid(edge_wrap=wrap, extent=[1.5, 1.0])[5]
    theirs = picture(figure_of(nest.PlotProbabilityParameter, node, mask=mask))
    ours = picture(figure_of(OURS["PlotProbabilityParameter"], node, mask=mask))
    shapes = ours[0].pop("shapes")
    for (box, covered, look), (their_box, their_covered, their_look) in zip(
        shapes, theirs[0].pop("shapes"), strict=True
    ):
        # The circles of PyNEST's doughnuts are polygons, which differ on a few points.
        polygon = "doughnut" in mask
        assert box == pytest.approx(their_box, abs=1e-4 if polygon else 1e-9)
        assert len({*covered} ^ {*their_covered}) <= (5 if polygon else 0)
        assert look == their_look
    assert ours == theirs
    assert len(shapes) == (9 if wrap else 1)


def test_a_doughnut_without_hole_is_a_disc(figure_of: Draw) -> None:
    node = grid()[4]
    disc = {"circular": {"radius": 0.4}}
    expected = picture(figure_of(OURS["PlotProbabilityParameter"], node, mask=disc))
    for size in ({"inner_radius": 0.0, "outer_radius": 0.4}, {"outer_radius": 0.4}):
        shown = figure_of(OURS["PlotProbabilityParameter"], node, mask={"doughnut": size})
        assert picture(shown) == expected


def test_masks_belong_to_the_axes_they_are_drawn_in() -> None:
    node = grid()[4]
    figure, (first, second) = plt.subplots(1, 2)
    plt.sca(second)
    OURS["PlotProbabilityParameter"](node, mask=CORNER, ax=first)
    (patch,) = first.patches
    x, y = nest.GetPosition(node)
    box = patch.get_path().transformed(patch.get_transform() - first.transData).get_extents()
    assert box.extents.tolist() == pytest.approx([x - 0.05, y - 0.72, x + 0.72, y + 0.05])
    assert len(second.patches) == 0
    figure.canvas.draw()


@pytest.mark.parametrize(
    "options",
    [
        {"shape": [5, 8], "edges": [-0.5, 0.5, -1.0, 0.5]},
        {"shape": (10, 10), "prob_cmap": "Blues"},
        {"shape": [4, 4], "mask": MASKS[0], "mask_color": "red"},
        {},
    ],
    ids=str,
)
def test_probabilities_are_drawn_as_by_pynest(options: dict[str, Any], figure_of: Draw) -> None:
    node = grid((10, 10))[25]
    probability = 1.2 - 1.5 * nest.spatial.distance
    theirs = picture(figure_of(nest.PlotProbabilityParameter, node, probability, **options))
    ours = picture(figure_of(OURS["PlotProbabilityParameter"], node, probability, **options))
    assert ours == theirs
    values = np.array(ours[0]["images"][0][0])
    assert values.min() == 0.0
    assert values.max() > 0.9


def test_probabilities_and_masks_are_drawn_with_targets_and_sources(figure_of: Draw) -> None:
    layer = connected(extent=[2.0, 2.0], edge_wrap=True)
    options = {"mask": CORNER, "probability_parameter": nest.spatial.distance}
    theirs = picture(figure_of(nest.PlotTargets, layer[4], layer, **options))
    assert picture(figure_of(OURS["PlotTargets"], layer[4], layer, **options)) == theirs
    theirs = picture(figure_of(nest.PlotSources, layer, layer[4], **options))
    shown = figure_of(OURS["PlotSources"], layer, layer[4], tgt_color="blue", **options)
    assert picture(shown) == theirs


def test_the_color_bar_is_beside_the_axes_whichever_figure_is_current() -> None:
    figure, axes = plt.subplots()
    other = plt.figure()
    OURS["PlotProbabilityParameter"](grid()[4], nest.spatial.distance, shape=(3, 3), ax=axes)
    assert len(figure.axes) == 2
    assert other.axes == []


def test_what_cannot_be_drawn_is_refused_without_a_figure() -> None:
    layer, solid = grid(), grid((2, 2, 2))
    plain = nest.Create("iaf_psc_alpha", 2)
    ball = {"spherical": {"radius": 1.0}}
    made = nest.CreateMask("circular", {"radius": 1.0})
    probability = "PlotProbabilityParameter"
    for name, args, mask, error, message in (
        ("PlotLayer", ([1, 2],), None, TypeError, "layer must be a NodeCollection."),
        ("PlotLayer", (plain,), None, TypeError, "layer must be .* with positions"),
        ("PlotTargets", (layer, layer), None, TypeError, "src_nrn must be a single element"),
        ("PlotTargets", (1, layer), None, TypeError, "src_nrn must be a single element"),
        ("PlotTargets", (layer[0], [1]), None, TypeError, "tgt_layer must be a NodeColl"),
        ("PlotTargets", (layer[0], plain), None, TypeError, "tgt_layer must be .* positions"),
        ("PlotSources", (layer, layer), None, TypeError, "tgt_nrn must be a single element"),
        ("PlotSources", ([1], layer[0]), None, TypeError, "src_layer must be a NodeColl"),
        ("PlotSources", (plain, layer[0]), None, TypeError, "src_layer must be .* positions"),
        (probability, (layer[0],), None, ValueError, "At least one of parameter or mask"),
        (probability, (layer[0],), ball, ValueError, "Only masks of two dimensions"),
        (probability, (solid[0],), MASKS[0], ValueError, "Only masks of two dimensions"),
        (probability, (layer[0],), made, TypeError, "mask must be a dictionary"),
        (probability, (plain[0],), MASKS[0], TypeError, "source must be .* with positions"),
    ):
        with pytest.raises(error, match=message):
            OURS[name](*args, **({} if mask is None else {"mask": mask}))
    assert plt.get_fignums() == []


def test_missing_matplotlib_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = grid()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for name, args in (
        ("PlotLayer", (layer,)),
        ("PlotTargets", (layer[0], layer)),
        ("PlotSources", (layer, layer[0])),
        ("PlotProbabilityParameter", (layer[0], nest.spatial.distance)),
    ):
        with pytest.raises(ImportError, match="plotting needs matplotlib, which is not installed"):
            OURS[name](*args)
