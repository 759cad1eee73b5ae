"""Layers: every kind, every question about them, connected by distance."""

from __future__ import annotations

from typing import Any

from tests.acceptance.oracle.asking import Ask, expression

_DISTANCE = expression("spatial.distance")


def _mask(kind: str, **specs: Any) -> dict[str, Any]:
    return expression("CreateMask", kind, specs)


def _asked_about(ask: Ask, layer: list[int], places: list[list[float]]) -> None:
    """All questions about positions."""
    part = layer[1::2]
    ask("NodeCollection.spatial", layer)
    ask("GetPosition", layer)
    ask("GetPosition", part)
    for node in layer[:5]:
        ask("GetPosition", [node])
    for call in ("Distance", "Displacement"):
        ask(call, layer[:1], layer)
        ask(call, layer, layer[:1])
        ask(call, layer, layer)
        ask(call, places, layer[: len(places)])
        ask(call, [places[0]], layer)
        ask(call, part, layer[:1])
    ask("FindNearestElement", layer, places[0])
    ask("FindNearestElement", layer, places)
    ask("FindNearestElement", layer, places, True)
    ask("FindCenterElement", layer)
    for name in ("spatial.pos.x", "spatial.pos.y"):
        ask("Parameter.apply", expression(name), layer)
        ask("Parameter.apply", expression(name), part)
    for node in (layer[:1], layer[1:2]):
        ask("Parameter.apply", _DISTANCE, node, places)


def _connected(ask: Ask, layer: list[int], mask: dict[str, Any]) -> None:
    """Connected with a mask and a kernel; the questions about who is connected with whom."""
    gaussian = expression("spatial_distributions.gaussian", _DISTANCE, std=0.5)
    ask(
        "Connect",
        layer,
        layer,
        {"rule": "pairwise_bernoulli", "p": gaussian, "mask": mask},
        {"weight": expression("random.uniform"), "delay": 1.5},
    )
    ask("GetConnections")
    some = layer[:3]
    ask("GetTargetNodes", some, layer)
    ask("GetSourceNodes", layer, some)
    ask("GetTargetPositions", some, layer)
    ask("GetSourcePositions", layer, some)
    ask("GetTargetNodes", layer[:1], layer, "static_synapse")
    ask("GetSourcePositions", layer, layer[:1], "stdp_synapse")


def grid(ask: Ask) -> None:
    """A grid of 3 x 4."""
    layer = ask(
        "Create",
        "iaf_psc_alpha",
        positions=expression("spatial.grid", [3, 4], extent=[3.0, 2.0], center=[0.5, 0.0]),
    )
    _asked_about(ask, layer, [[0.3, 0.2], [0.0, 0.0], [-0.5, 0.9]])
    _connected(ask, layer, {"rectangular": {"lower_left": [-0.8, -0.8], "upper_right": [0.8, 0.8]}})


def wrapped_grid(ask: Ask) -> None:
    """A grid whose edges are wrapped, where the nearest way may lead around."""
    positions = expression("spatial.grid", [4, 4], extent=[2.0, 2.0], edge_wrap=True)
    layer = ask("Create", "iaf_psc_alpha", positions=positions)
    _asked_about(ask, layer, [[0.99, 0.99], [-0.7, 0.1]])
    _connected(ask, layer, {"circular": {"radius": 0.7}})


def grid_in_space(ask: Ask) -> None:
    """A grid in three dimensions."""
    layer = ask("Create", "iaf_psc_alpha", positions=expression("spatial.grid", [2, 3, 2]))
    _asked_about(ask, layer, [[0.3, 0.2, 0.1], [0.0, 0.0, 0.4]])
    ask("Parameter.apply", expression("spatial.pos.z"), layer)
    _connected(ask, layer, {"spherical": {"radius": 0.6}})


def free_positions(ask: Ask) -> None:
    """Positions from a list."""
    places = [[0.1, 0.2], [-0.3, 0.4], [0.25, -0.45], [0.0, 0.0], [0.4, 0.4]]
    layer = ask(
        "Create",
        "iaf_psc_alpha",
        positions=expression("spatial.free", places, extent=[1.0, 1.0]),
    )
    _asked_about(ask, layer, places[:2])
    _connected(ask, layer, {"elliptical": {"major_axis": 0.8, "minor_axis": 0.5}})


def random_positions(ask: Ask) -> None:
    """Positions drawn by NEST, which have to be the same on every number of ranks."""
    layer = ask(
        "Create",
        "iaf_psc_alpha",
        11,
        positions=expression(
            "spatial.free", expression("random.uniform", -0.5, 0.5), num_dimensions=2
        ),
    )
    _asked_about(ask, layer, [[0.1, 0.1], [0.0, 0.3]])
    _connected(ask, layer, {"doughnut": {"inner_radius": 0.1, "outer_radius": 0.6}})


def layers_connected_by_every_distribution(ask: Ask) -> None:
    """Each spatial distribution as probability, each coordinate and distance as weight."""
    d = _DISTANCE
    x, y = expression("spatial.distance.x"), expression("spatial.distance.y")
    probabilities = [
        expression("spatial_distributions.exponential", d, 0.5),
        expression("spatial_distributions.gaussian", d, 0.0, 0.5),
        expression("spatial_distributions.gaussian2D", x, y, std_x=0.4, std_y=0.6),
        expression("spatial_distributions.gamma", d, kappa=2.0, theta=0.3),
        expression("spatial_distributions.gabor", x, y, theta=45.0, gamma=0.7),
    ]
    weights = [
        expression(f"spatial.{kind}.{axis}")
        for kind in ("source_pos", "target_pos")
        for axis in ("x", "y")
    ]
    weights += [
        expression(f"spatial.{kind}.n", 0) for kind in ("source_pos", "target_pos", "distance")
    ]
    first = ask("Create", "iaf_psc_alpha", positions=expression("spatial.grid", [3, 3]))
    second = ask("Create", "iaf_psc_alpha", positions=expression("spatial.grid", [3, 3]))
    for probability in probabilities:
        rule = {"rule": "pairwise_bernoulli", "p": probability}
        ask("Connect", first, second, rule, {"weight": d})
        ask("GetConnections")
    everyone = {"rule": "pairwise_bernoulli", "p": 1.0}
    for weight in weights:
        ask("Connect", first, second, everyone, {"weight": weight})
    ask("GetConnections")
    cube = expression("spatial.grid", [2, 2, 2])
    third, fourth = (ask("Create", "iaf_psc_alpha", positions=cube) for _ in range(2))
    for name in ("spatial.source_pos.z", "spatial.target_pos.z", "spatial.distance.z"):
        ask("Connect", third, fourth, everyone, {"weight": expression(name)})
    ask("GetConnections", third)
    ask("Parameter.apply", expression("spatial.pos.n", 0), third)
    for rule in ("fixed_indegree", "fixed_outdegree"):
        degree = rule.removeprefix("fixed_")
        ask("Connect", first, second, {"rule": rule, degree: 2, "p": probabilities[0]})
    ask("GetConnections")
    without_place = ask("Create", "iaf_psc_alpha", 3)
    for sources, targets in ((without_place, first), (first, without_place), (third, fourth)):
        ask("Connect", sources, targets)
    conns = ask.held("GetConnections")
    ask("SynapseCollection.distance", conns)
    ask("SynapseCollection.distance", ask.held("SynapseCollection.slice", conns, 1, None, 7))


def masks(ask: Ask) -> None:
    """Masks of every kind, alone and combined; which nodes are within."""
    layer = ask("Create", "iaf_psc_alpha", positions=expression("spatial.grid", [5, 5]))
    circle = _mask("circular", radius=0.3)
    box = _mask("rectangular", lower_left=[-0.1, -0.4], upper_right=[0.4, 0.4])
    kinds = [
        circle,
        box,
        _mask("doughnut", inner_radius=0.15, outer_radius=0.45),
        _mask("elliptical", major_axis=0.8, minor_axis=0.4, azimuth_angle=30.0),
        expression("CreateMask", "circular", {"radius": 0.2}, [0.2, 0.1]),
        expression("Mask.and", circle, box),
        expression("Mask.or", circle, box),
        expression("Mask.sub", box, circle),
    ]
    for mask in kinds:
        for place in ([0.0, 0.0], [0.31, -0.2]):
            ask("SelectNodesByMask", layer, place, mask)
            ask("Mask.Inside", mask, place)
    held = ask.held("CreateMask", "circular", {"radius": 0.25})
    ask("SelectNodesByMask", layer, [0.1, 0.1], held)


def dumped(ask: Ask) -> None:
    """DumpLayerNodes and DumpLayerConnections write one file as one process does."""
    layer = ask("Create", "iaf_psc_alpha", positions=expression("spatial.grid", [3, 3]))
    ask("Connect", layer, layer, {"rule": "pairwise_bernoulli", "p": 0.5})
    ask.file("DumpLayerNodes", layer)
    ask.file("DumpLayerConnections", layer, layer, "static_synapse")


def layers_connected_and_run(ask: Ask) -> None:
    """A layer of devices and layers of neurons, simulated; questions about slices of them."""
    layer = ask("Create", "iaf_psc_alpha", positions=expression("spatial.grid", [4, 4]))
    recorders = ask("Create", "spike_recorder", positions=expression("spatial.grid", [2, 2]))
    noise = ask("Create", "poisson_generator", params={"rate": 9000.0})
    ask("Connect", noise, layer, "all_to_all", {"weight": 60.0})
    ask("Connect", layer, recorders)
    ask("Simulate", 60.0)
    ask("GetStatus", recorders, "events")
    ask("GetPosition", recorders)
    ask("Distance", layer[:4], recorders)
    ask("GetTargetNodes", layer[:2], recorders)
    ask("GetSourcePositions", layer, recorders[:1])
