"""Answers about positions are NEST's own to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nestd.kernel.kernel import Kernel
from nestd.kernel.layers import Layers
from nestd.kernel.partial_spatial import SpatialCalls
from nestd.kernel.pynest import nest
from nestd.master.rank_answers import finish
from nestd.partial.docs import SPATIAL_CALLS
from nestd.partial.merging import merge
from nestd.partial.spatial import Nodes, TextFile
from nestd.ranks.transport import OneRank
from protocol.errors import ArgumentError
from protocol.wire.messages import Action, Executed, Operation
from tests.unit.master.driving import drive

FREE = np.random.default_rng(3).uniform(-0.5, 0.5, (7, 3)).tolist()


def _grid(**options: Any) -> Callable[[], Any]:
    return lambda: nest.Create("iaf_psc_alpha", positions=nest.spatial.grid(**options))


LAYERS: dict[str, Callable[[], Any]] = {
    "grid": _grid(shape=[4, 3], extent=[2.0, 1.5]),
    "grid, wrapped": _grid(shape=[4, 3], extent=[2.0, 1.5], center=[0.3, 0.1], edge_wrap=True),
    "grid in 3D, wrapped": _grid(shape=[3, 2, 2], extent=[1.0, 0.7, 0.9], edge_wrap=True),
    "free in 2D, wrapped": lambda: nest.Create(
        "iaf_psc_alpha",
        9,
        positions=nest.spatial.free(
            nest.random.uniform(-0.5, 0.5), num_dimensions=2, edge_wrap=True
        ),
    ),
    "free in 3D": lambda: nest.Create("iaf_psc_alpha", positions=nest.spatial.free(FREE)),
}


@pytest.fixture(params=list(LAYERS))
def layer(request: pytest.FixtureRequest, kernel: Kernel) -> Any:
    """A layer of neurons, each connected to some others."""
    nest.rng_seed = 5
    layer = LAYERS[request.param]()
    rule = {"rule": "pairwise_bernoulli", "p": 0.4}
    nest.Connect(layer, layer, rule)
    nest.Connect(layer[:2], layer, rule, {"synapse_model": "stdp_synapse"})
    return layer


def asked(call: str, *args: Any, **kwargs: Any) -> Any:
    """The answer of one rank; tests/unit/partial shows that several give the same."""
    answer = SpatialCalls(Layers()).replaced()[call](*args, **kwargs)
    return _plain(merge(Operation(Action.CALL_JSON, call), [Executed(1, 0, answer)]))


def _plain(found: Any) -> Any:
    if isinstance(found, Nodes):
        return found.ids.tolist()
    if isinstance(found, (list, tuple)):
        return [_plain(item) for item in found]
    return found


def listed(found: Any) -> Any:
    """What PyNEST answers, with lists for its tuples and collections."""
    if isinstance(found, nest.NodeCollection):
        return found.tolist()
    if isinstance(found, (tuple, list, np.ndarray)):
        return [listed(item) for item in found]
    return float(found) if isinstance(found, float) else found


def test_positions_are_those_of_nest(layer: Any) -> None:
    assert asked("GetPosition", layer) == listed(nest.GetPosition(layer))
    assert asked("GetPosition", layer[2]) == listed(nest.GetPosition(layer[2]))
    assert asked("GetPosition", layer[1:6:2]) == listed(nest.GetPosition(layer[1:6:2]))


@pytest.mark.parametrize("call", ["Distance", "Displacement"])
def test_distances_between_nodes_are_those_of_nest(layer: Any, call: str) -> None:
    plain = getattr(nest, call)
    for one, other in (
        (layer, layer),
        (layer[1], layer),
        (layer, layer[3]),
        (layer[0], layer[-1]),
        (layer[::2], layer[::2]),
    ):
        assert asked(call, one, other) == listed(plain(one, other))


@pytest.mark.parametrize("call", ["Distance", "Displacement"])
def test_distances_from_points_are_those_of_nest(layer: Any, call: str) -> None:
    dimensions = len(layer.spatial["center"])
    points = np.random.default_rng(1).uniform(-1.0, 1.0, (len(layer), dimensions))
    plain = getattr(nest, call)
    assert asked(call, [points[0]], layer) == listed(plain([points[0]], layer))
    assert asked(call, list(points), layer) == listed(plain(list(points), layer))
    assert asked(call, points[0], layer) == listed(plain(points[0], layer))


def test_points_of_other_dimensions_are_an_argument_error(layer: Any) -> None:
    point = np.zeros(len(layer.spatial["center"]) + 1)
    with pytest.raises(ArgumentError, match="coordinates, not"):
        asked("Distance", [point], layer)


def test_nearest_and_center_elements_are_those_of_nest(layer: Any) -> None:
    dimensions = len(layer.spatial["center"])
    points = np.random.default_rng(2).uniform(-0.6, 0.6, (5, dimensions)).tolist()
    assert asked("FindCenterElement", layer) == listed(nest.FindCenterElement(layer))
    for place in (points[0], points, [points[1]]):
        for find_all in (False, True):
            found = asked("FindNearestElement", layer, place, find_all)
            assert _flat(found) == _flat(listed(nest.FindNearestElement(layer, place, find_all)))


def test_all_that_are_equally_near_are_found(kernel: Kernel) -> None:
    layer = nest.Create("iaf_psc_alpha", positions=nest.spatial.grid([2, 2]))
    found = asked("FindNearestElement", layer, [0.0, 0.0], True)
    assert _flat(found) == [1, 2, 3, 4]
    assert _flat(found) == _flat(listed(nest.FindNearestElement(layer, [0.0, 0.0], True)))


def _flat(found: Any) -> list[Any]:
    return [x for item in found for x in _flat(item)] if isinstance(found, list) else [found]


@pytest.mark.parametrize("model", [None, "static_synapse", "stdp_synapse"])
def test_neighbours_are_those_of_nest(layer: Any, model: str | None) -> None:
    own = layer[:3]
    assert asked("GetTargetNodes", own, layer, model) == listed(
        nest.GetTargetNodes(own, layer, model)
    )
    assert asked("GetSourceNodes", layer, own, model) == listed(
        nest.GetSourceNodes(layer, own, model)
    )


def test_positions_of_neighbours_are_those_of_nest(layer: Any) -> None:
    own = layer[:3]
    # NEST gives them in the order of its tables, which depends on the number of ranks.
    for found, plain in (
        (asked("GetTargetPositions", own, layer), nest.GetTargetPositions(own, layer)),
        (asked("GetSourcePositions", layer, own), nest.GetSourcePositions(layer, own)),
    ):
        assert [sorted(places) for places in found] == [sorted(places) for places in listed(plain)]


def test_dumped_layer_is_the_file_of_nest(layer: Any, tmp_path: Path) -> None:
    kernel = Kernel("g")
    plain, own = tmp_path / "plain", tmp_path / "own"
    ranks = OneRank(kernel)
    nest.DumpLayerNodes(layer, str(plain))
    found = asked("DumpLayerNodes", layer, "own")
    assert isinstance(found, TextFile)
    assert drive(finish(found, False), ranks, tmp_path) is None
    assert own.read_text() == plain.read_text()

    nest.DumpLayerConnections(layer, layer, "static_synapse", str(plain))
    found = asked("DumpLayerConnections", layer, layer, "static_synapse", "own")
    drive(finish(found, False), ranks, tmp_path)
    assert sorted(own.read_text().splitlines()) == sorted(plain.read_text().splitlines())
    assert sorted(tmp_path.iterdir()) == [own, plain]


def test_dump_that_can_not_be_written_says_where_and_why(layer: Any, tmp_path: Path) -> None:
    found = asked("DumpLayerNodes", layer, "file")
    (tmp_path / "file").mkdir()
    with pytest.raises(ArgumentError, match="can't write the file file: Is a directory"):
        drive(finish(found, False), OneRank(Kernel("g")), tmp_path)


def test_nodes_without_positions_are_refused_in_the_words_of_nest(kernel: Kernel) -> None:
    nodes = nest.Create("iaf_psc_alpha", 3)
    with pytest.raises(nest.NESTErrors.LayerExpected):
        nest.GetPosition(nodes)
    with pytest.raises(nest.NESTErrors.LayerExpected):
        asked("GetPosition", nodes)


def test_page_about_merging_names_the_calls_that_are_replaced() -> None:
    apart = {"DumpLayerConnections", "DumpLayerNodes", "SynapseCollection.distance"}
    assert set(SPATIAL_CALLS) == SpatialCalls(Layers()).replaced().keys() - apart
