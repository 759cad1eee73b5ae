"""KnownPositions and neighbours of all ranks; that they are NEST's own, tests/unit/kernel shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.partial.connections import ConnectionColumns
from nestd.partial.positions import KnownPositions
from nestd.partial.spatial import (
    CenterNode,
    ConnectionDistances,
    Displacements,
    Distances,
    LayerDump,
    LayerMetadata,
    NearestNodes,
    NeighbourNodes,
    NeighbourPositions,
    NodePositions,
    Nodes,
    ParameterValues,
    TextFile,
)
from protocol.errors import ArgumentError
from tests.unit.partial.ranks import merged, numbers
from tests.unit.strategies import same

GENERATOR = np.random.default_rng(7)
COUNT = 6
#: Pairs of (own, other) nodes.
PAIRS = np.array([[1, 12], [1, 13], [1, 12], [2, 15], [3, 10]])


def layer(first: int = 10, is_wrapped: bool = False) -> KnownPositions:
    """Positions of six nodes."""
    return KnownPositions(
        np.arange(first, first + COUNT),
        np.ones(COUNT, bool),
        GENERATOR.uniform(-0.5, 0.5, (COUNT, 2)),
        np.zeros(2),
        np.ones(2),
        is_wrapped,
    )


LAYER, OTHER, WRAPPED = layer(), layer(30), layer(50, True)
POINTS = np.array([[0.1, 0.2], [-0.4, 0.45]])
CONNECTIONS = {
    "source": numbers(10, 11, 30, 5, 55),
    "target": numbers(30, 12, 35, 10, 51),
    "synapse_id": numbers(0, 0, 0, 0, 0),
    "port": numbers(0, 1, 2, 3, 4),
}

WHOLE: dict[str, Any] = {
    "positions": NodePositions([LAYER]),
    "metadata": LayerMetadata.collect(LAYER, {"extent": (1.0, 1.0), "positions": ()}),
    "values": ParameterValues(np.ones(COUNT, bool), [float(node) for node in range(COUNT)], False),
    "displacements": Displacements.collect(WRAPPED, LAYER),
    "displacements from points": Displacements.collect(LAYER, POINTS[:1]),
    "distances": Distances.collect(LAYER, WRAPPED),
    "distances of connections": ConnectionDistances(
        [LAYER, OTHER, WRAPPED], ConnectionColumns(numbers(), None, CONNECTIONS, None)
    ),
    "distances of no connections": ConnectionDistances(
        [LAYER], ConnectionColumns(numbers(), None, {}, None)
    ),
    "nearest": NearestNodes([LAYER], POINTS, False),
    "all nearest": NearestNodes([WRAPPED], POINTS, True),
    "center": CenterNode([LAYER]),
    "neighbours": NeighbourNodes([], numbers(1, 2, 4), PAIRS),
    "positions of neighbours": NeighbourPositions([LAYER], numbers(1, 2, 4), PAIRS),
    "dump": LayerDump("/nodes", [f"{node} 0.0" for node in range(2, 12)]),
}


def spread(answer: Any, owners: list[int], ranks: int) -> list[Any]:
    """The parts that ranks have of what one rank answers."""

    def part(rank: int) -> Any:
        def local(count: int) -> Any:
            return np.array([owner % ranks == rank for owner in owners[:count]], bool)

        changes: dict[str, Any] = {}
        if hasattr(answer, "places"):
            changes["places"] = [
                replace(
                    place,
                    local=local(COUNT),
                    positions=np.where(local(COUNT)[:, None], place.positions, 0.0),
                )
                for place in answer.places
            ]
        if hasattr(answer, "pairs"):
            changes["pairs"] = answer.pairs[local(len(answer.pairs))]
        if hasattr(answer, "lines"):
            changes["lines"] = answer.lines[rank::ranks]
        if hasattr(answer, "values"):
            changes["local"] = local(COUNT)
            changes["values"] = np.where(local(COUNT), answer.values, None).tolist()
        if hasattr(answer, "connections"):
            columns = answer.connections.columns
            own = {name: column[local(len(column))] for name, column in columns.items()}
            changes["connections"] = replace(answer.connections, columns=own)
        return replace(answer, **changes)

    return [part(rank) for rank in range(ranks)]


def plain(item: Any) -> Any:
    """Lists of what stands for nodes and files."""
    if isinstance(item, (Nodes, TextFile)):
        return plain(list(vars(item).values()))
    if isinstance(item, (list, tuple)):
        return [plain(each) for each in item]
    return item


@pytest.mark.parametrize("kind", WHOLE)
@given(owners=st.lists(st.integers(0, 4), min_size=COUNT, max_size=COUNT), ranks=st.integers(1, 5))
def test_answer_is_that_of_one_rank_however_nodes_and_connections_are_spread(
    kind: str, owners: list[int], ranks: int
) -> None:
    parts = spread(WHOLE[kind], owners, ranks)
    assert same(plain(merged(kind, *parts)), plain(merged(kind, WHOLE[kind])))


def test_distances_are_euclidean_the_shorter_way_round_a_wrapped_layer() -> None:
    def distance(is_wrapped: bool) -> Any:
        places = replace(
            LAYER,
            ids=numbers(1),
            local=np.ones(1, bool),
            positions=np.array([[0.4, 0.0]]),
            is_wrapped=is_wrapped,
        )
        return merged("Distance", Distances.collect(places, np.array([[-0.4, 0.0]])))

    assert distance(False) == pytest.approx([0.8])
    assert distance(True) == pytest.approx([0.2])


def test_connection_without_a_position_has_no_distance() -> None:
    found = merged("SynapseCollection.distance", WHOLE["distances of connections"])
    # In the order of source: 5 has no position.
    assert np.isnan(found).tolist() == [True, False, False, False, False]
    assert merged("SynapseCollection.distance", WHOLE["distances of no connections"]) == []


def test_points_of_other_dimensions_are_an_argument_error() -> None:
    with pytest.raises(ArgumentError, match="positions have 2 coordinates, not 3"):
        merged("Distance", Distances.collect(LAYER, np.zeros((1, 3))))


def test_one_node_has_one_position_and_all_that_are_equally_near_are_found() -> None:
    square = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    places = replace(LAYER, ids=numbers(4, 5, 6), local=np.ones(3, bool), positions=square)
    near = merged("FindNearestElement", NearestNodes([places], np.zeros((1, 2)), True))
    assert plain(near) == [[numbers(4)], [numbers(5)]]
    one = replace(places, ids=numbers(4), local=np.ones(1, bool), positions=square[:1])
    assert merged("GetPosition", NodePositions([one])) == [-1.0, 0.0]


# Collecting


class Layer:
    """NodeCollection with positions on a line, of which some ids are chosen."""

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids
        self.spatial = {"center": (0.0, 0.0), "extent": (1.0, 1.0), "edge_wrap": False}

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Any) -> Layer:
        chosen = self.ids[index]
        return Layer(chosen if isinstance(chosen, list) else [chosen])


@pytest.mark.parametrize("can_slice", [True, False])
@pytest.mark.parametrize("local", [(1, 1, 1, 1, 1), (0, 1, 0, 1, 0), (1, 0, 0, 1, 1), (0,) * 5])
@pytest.mark.parametrize("indices", [[0, 1, 2, 3, 4], [1, 3], [4]])
def test_positions_of_this_rank_are_read(
    can_slice: bool, local: tuple[int, ...], indices: list[int]
) -> None:
    here = np.array(local, bool)
    asked: list[int] = []

    def get_position(nodes: Layer) -> Any:
        asked.extend(nodes.ids)
        places = [(float(node), 0.0) for node in nodes.ids]
        return places[0] if len(places) == 1 else tuple(places)

    whole = Layer([7, 8, 9, 10, 11])
    ids = np.array(whole.ids)[indices]
    places = KnownPositions.collect(whole, np.array(indices), here, ids, get_position, can_slice)
    assert places.local.tolist() == here[indices].tolist()
    assert places.positions[places.local, 0].tolist() == ids[places.local].tolist()
    # NEST raises for nodes of other ranks.
    assert set(asked) <= set(np.array(whole.ids)[here].tolist())


def test_parameter_is_applied_as_often_on_every_rank() -> None:
    applied: list[Any] = []

    def apply(node: Any, *places: Any) -> tuple[float, ...]:
        applied.append((node, *places))
        return (float(node),)

    param, nodes = SimpleNamespace(apply=apply), [10, 11, 12]
    part = ParameterValues.collect(param, nodes, np.array([True, False, True]), 12, None)
    assert (part.values, part.are_of_places) == ([10.0, 12.0, 12.0], False)
    assert applied == [(10,), (12,), (12,)]
    nowhere = ParameterValues.collect(param, nodes, np.zeros(3, bool), None, None)
    assert nowhere.values == [None] * 3
    seen = ParameterValues.collect(param, [10], np.ones(1, bool), 10, [[0.0, 1.0]])
    assert applied[-1] == (10, [[0.0, 1.0]])
    elsewhere = ParameterValues.collect(param, [10], np.zeros(1, bool), None, [[0.0, 1.0]])
    assert merged("Parameter.apply", elsewhere, seen) == (10.0,)


def test_dump_has_the_lines_of_all_files_and_writes_none_itself(tmp_path: Path) -> None:
    def write(path: str) -> None:
        Path(path).write_text("10 0.5\n9 0.1\n")

    part = LayerDump.collect("nodes", write)
    assert merged("DumpLayerNodes", part) == TextFile("nodes", ["9 0.1", "10 0.5"])
    assert list(tmp_path.iterdir()) == []
