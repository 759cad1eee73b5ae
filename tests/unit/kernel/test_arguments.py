"""What callers send becomes what PyNEST takes, or an error that names the parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nestd.kernel.api.allow_list import AllowList
from nestd.kernel.api.binding import bind, typed
from nestd.kernel.api.parameters import Kind, kind_of
from nestd.kernel.kernel import Kernel
from nestd.kernel.layers import Layers
from nestd.kernel.pynest import nest
from nestd.kernel.simulation import Simulation
from nestd.partial.merging import merge
from nestd.partial.output_formats import as_list
from nestd.ranks.transport import OneRank
from protocol.errors import ArgumentError, KernelError, StaleReference
from protocol.wire.messages import Action, Operation
from protocol.wire.values import Expression, Reference, Text
from tests.unit.strategies import same

Call = Callable[..., Any]

# PyNEST's notes on deprecation are about scripts; the daemon silences them too.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:nest.lib.hl_api_helper")

ALLOW_LIST = AllowList(Layers(), Simulation())


def text_of(call: str, parameter: str, *texts: str) -> Any:
    """The value that a query string's ``texts`` for ``parameter`` become."""
    entry = ALLOW_LIST.find(call)
    others = {
        name: 1
        for name, known in entry.signature.parameters.items()
        if known.default is known.empty
        and name != parameter
        and known.kind not in (known.VAR_POSITIONAL, known.VAR_KEYWORD)
    }
    bound = bind(entry, [], others | {parameter: Text(texts)})
    typed(bound)
    return bound.kwargs[parameter][1]


# Binding.


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "parameter", "message"),
    [
        ("Create", [], {}, "model", "'model' is missing; Create(model, n=1"),
        ("Create", ["m"], {"model": "m"}, "model", "'model' was given twice"),
        ("Create", ["m"], {"size": 3}, "size", "'size' is no parameter; there are: model, n,"),
        ("ResetKernel", [], {"x": 1}, "x", "'x' is no parameter; there are: none"),
        ("Create", ["m", 1, {}, None, 5], {}, None, "takes at most 4 arguments (model, n,"),
        ("GetStatus", [[1]], {"nodes": [1]}, "nodes_or_conns", "was given twice"),
        ("GetStatus", [], {"nodes": [1], "conns": {}}, "nodes_or_conns", "was given twice"),
        ("Create", [], {"x" * 1000: 1}, "x" * 80, "is no parameter"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error_naming_the_parameter(
    name: str, args: list[Any], kwargs: dict[str, Any], parameter: str | None, message: str
) -> None:
    with pytest.raises(ArgumentError) as raised:
        bind(ALLOW_LIST.find(name), args, kwargs)
    assert message in raised.value.message
    assert len(raised.value.message) < 400
    assert raised.value.parameter == parameter
    assert raised.value.call == name


def test_null_means_not_given_for_what_has_a_default() -> None:
    bound = bind(ALLOW_LIST.find("Create"), ["m", None], {"params": None, "unknown": None})
    assert [(name, value) for name, _, value in bound.args] == [("model", "m"), ("n", 1)]
    assert bound.kwargs == {}


def test_null_for_a_required_parameter_by_name_is_missing() -> None:
    with pytest.raises(ArgumentError, match="'model' is missing"):
        bind(ALLOW_LIST.find("Create"), [], {"model": None})


# Text of query strings and forms.


@pytest.mark.parametrize(
    ("call", "parameter", "texts", "value"),
    [
        ("Create", "model", ["iaf_psc_alpha"], "iaf_psc_alpha"),
        ("Create", "model", ["12"], "12"),
        ("Create", "n", ["2"], 2),
        ("Create", "params", ['{"V_m": -60.5}'], {"V_m": -60.5}),
        ("Create", "params", ["text"], "text"),
        ("Simulate", "t", ["100"], 100),
        ("Simulate", "t", ["1e2"], 100.0),
        ("Connect", "pre", ["1"], [1]),
        ("Connect", "pre", ["1,2,3"], [1, 2, 3]),
        ("Connect", "pre", ["[1, 2]"], [1, 2]),
        ("Connect", "pre", ["1", "2,3"], [1, 2, 3]),
        ("Connect", "conn_spec", ["one_to_one"], "one_to_one"),
        ("Connect", "conn_spec", ['{"rule": "one_to_one"}'], {"rule": "one_to_one"}),
        ("Connect", "return_synapsecollection", ["True"], True),
        ("Connect", "return_synapsecollection", ["0"], False),
        (
            "SetStatus",
            "nodes_or_conns",
            ['{"source": [1], "target": [2]}'],
            {"source": [1], "target": [2]},
        ),
        ("GetStatus", "keys", ["V_m"], "V_m"),
        ("GetStatus", "keys", ["V_m,C_m"], ["V_m", "C_m"]),
        ("GetStatus", "keys", ['["V_m"]'], ["V_m"]),
        ("GetStatus", "keys", ["V_m", "C_m"], ["V_m", "C_m"]),
        ("CreateMask", "specs", ['{"radius": 0.1}'], {"radius": 0.1}),
        ("SelectNodesByMask", "mask_obj", ['{"$call": "CreateMask"}'], Expression("CreateMask")),
    ],
)
def test_text_is_converted_by_the_kind_of_its_parameter(
    call: str, parameter: str, texts: list[str], value: Any
) -> None:
    assert same(text_of(call, parameter, *texts), value)


def test_text_works_for_whole_calls(call: Call) -> None:
    nodes = call("Create", model=Text(("iaf_psc_alpha",)), n=Text(("2",)))
    assert nodes.tolist() == [1, 2]
    assert call("GetStatus", nodes=Text(("1", "2")), keys=Text(("V_m",))) == [-70.0, -70.0]


# Nodes.


def test_nodes_may_be_ids_one_id_an_array_or_a_reference(call: Call, hold: Call) -> None:
    reference = hold("Create", "iaf_psc_alpha", 3)
    assert reference.ids.tolist() == [1, 2, 3]
    for nodes in (
        [1, 2, 3],
        np.array([1, 2, 3]),
        np.array([1, 2, 3], np.uint16),
        [1.0, 2, 3],
        reference,
    ):
        assert call("GetStatus", nodes, "global_id") == [1, 2, 3]
    for nodes in (2, 2.0, [2]):
        assert call("GetStatus", nodes, "global_id") == [2]
    assert call("GetStatus", [], "global_id") in ([], None)


@pytest.mark.parametrize(
    ("nodes", "described"),
    [
        ([0], "0 is no node id"),
        ([-1, 2], "-1 is no node id"),
        ([2**62], "is no node id"),
        ([1.5], "1.5 is no node id"),
        ([True], "True is no node id"),
        ([None], "None is no node id"),
        (["1"], "'1' is no node id"),
        ([[1, 2]], "is no node id"),
        (True, "True is no node id"),
        (1.5, "1.5 is no node id"),
        ("1", "not '1'"),
        (np.array([1.0]), "not array"),
        (np.array([[1]]), "not array"),
        (np.array(1), "not array"),
        (np.array([0]), "0 is no node id"),
        (1 + 2j, r"not \(1\+2j\)"),
        (b"1", "not b'1'"),
        (Expression("random.uniform"), "not a Parameter"),
    ],
    ids=repr,
)
def test_what_is_no_node_is_an_error_naming_parameter_and_value(
    call: Call, nodes: Any, described: str
) -> None:
    call("Create", "iaf_psc_alpha")
    with pytest.raises(
        ArgumentError, match=f"Connect: 'post' must be nodes.*{described}"
    ) as raised:
        call("Connect", pre=[1], post=nodes)
    assert raised.value.parameter == "post"


def test_several_positional_keys_are_several_keys(call: Call) -> None:
    call("Create", "iaf_psc_alpha", 2)
    assert call("GetStatus", [1, 2], "V_m", "C_m") == [[-70.0, 250.0], [-70.0, 250.0]]
    assert call("GetStatus", [1], ["V_m", "C_m"]) == [[-70.0, 250.0]]


# Other kinds.


def test_array_is_no_boolean(call: Call) -> None:
    call("Create", "iaf_psc_alpha")
    with pytest.raises(ArgumentError, match="Connect: 'return_synapsecollection' must be"):
        call("Connect", [1], [1], "all_to_all", {}, np.array([1, 0]))


def test_whole_numbers_may_be_written_as_floats(call: Call) -> None:
    assert call("Create", "iaf_psc_alpha", 2.0).tolist() == [1, 2]


def test_kind_of_a_parameter_depends_on_the_call_where_the_name_is_not_enough() -> None:
    assert kind_of("Connect", "pre") is Kind.NODE_ARRAY
    assert kind_of("TripartiteConnect", "pre") is Kind.NODES
    assert kind_of("anything", "unheard_of") is Kind.ANY


# Expressions and references.


def test_expressions_are_evaluated_wherever_they_stand(call: Call) -> None:
    within = {"V_m": Expression("random.uniform", [-60.0], {"max": -50.0})}
    nodes = call("Create", "iaf_psc_alpha", 5, within)
    assert all(-60.0 <= v <= -50.0 for v in call("GetStatus", nodes, "V_m"))
    scaled = Expression(
        "Parameter.mul", [Expression("CreateParameter", ["constant", {"value": 2.0}]), 3.0]
    )
    call("Connect", nodes, nodes, "one_to_one", {"weight": scaled})
    assert set(call("GetConnections")["weight"]) == {6.0}


def test_reference_names_its_object_until_it_is_released(kernel: Kernel, hold: Call) -> None:
    parameter = hold("CreateParameter", "constant", {"value": 2.5})
    assert parameter == Reference("Parameter", 1, "g")
    assert hold("Parameter.GetValue", parameter) == 2.5
    kernel.execute(Operation(Action.RELEASE, args=[parameter]), True)
    kernel.execute(Operation(Action.RELEASE, args=[parameter]), True)
    with pytest.raises(StaleReference, match="there is no Parameter number 1"):
        hold("Parameter.GetValue", parameter)


def test_reset_makes_references_to_the_network_stale_and_keeps_parameters(hold: Call) -> None:
    nodes = hold("Create", "iaf_psc_alpha")
    parameter = hold("CreateParameter", "constant", {"value": 2.5})
    hold("ResetKernel")
    with pytest.raises(StaleReference, match="ResetKernel invalidates"):
        hold("GetStatus", nodes)
    assert hold("Parameter.GetValue", parameter) == 2.5


def test_received_arrays_may_be_written_to_by_nest(call: Call) -> None:
    times = np.array([1.0, 2.0])
    times.flags.writeable = False
    nodes = call("Create", "spike_generator", 1, {"spike_times": times})
    assert call("GetStatus", nodes, "spike_times")[0].tolist() == [1.0, 2.0]


# Connections.


@pytest.fixture
def connected(call: Call) -> dict[str, Any]:
    """Three neurons, all connected to all twice; weights by target and source."""
    call("Create", "iaf_psc_alpha", 3)
    for base in (1.0, 10.0):
        weights = (base * np.arange(1, 10).reshape(3, 3)).tolist()
        call("Connect", [1, 2, 3], [1, 2, 3], "all_to_all", {"weight": weights})
    found: dict[str, Any] = call("GetConnections")
    assert len(found["source"]) == 18
    # As a caller gets them in JSON.
    return {field: as_list(column) for field, column in found.items()}


def test_connections_come_back_and_are_found_again_in_their_order(
    call: Call, connected: dict[str, Any]
) -> None:
    again = call("GetStatus", connected, "weight")
    assert again == connected["weight"]
    turned = {name: column[::-1] for name, column in connected.items()}
    assert call("GetStatus", turned, "weight") == connected["weight"][::-1]


def test_only_the_connections_that_were_sent_are_set(call: Call, connected: dict[str, Any]) -> None:
    third = {name: column[2:3] for name, column in connected.items()}
    call("SetStatus", third, {"weight": 77.0})
    weights = call("GetConnections")["weight"].tolist()
    assert weights == [*connected["weight"][:2], 77.0, *connected["weight"][3:]]


def test_few_fields_name_every_connection_that_fits(call: Call, connected: dict[str, Any]) -> None:
    assert sorted(call("GetStatus", {"source": 1, "target": [2]}, "weight")) == [4.0, 40.0]
    assert sorted(call("GetStatus", {"source": np.array([1]), "target": [2]}, "weight")) == [
        4.0,
        40.0,
    ]


def test_no_connections_are_an_empty_object_both_ways(call: Call) -> None:
    call("Create", "iaf_psc_alpha")
    assert call("GetConnections") == {}
    assert call("SynapseCollection.size", {}) == 0


def test_single_connection_has_lists_too(call: Call) -> None:
    call("Create", "iaf_psc_alpha")
    call("Connect", [1], [1])
    found = call("GetConnections")
    assert (found["source"], found["target"], found["weight"]) == ([1], [1], [1.0])
    assert call("GetStatus", found, "weight") == [1.0]


# Layers.


@pytest.fixture
def layer(call: Call) -> list[int]:
    """Ids of a 3 x 2 grid behind two other nodes."""
    call("Create", "iaf_psc_alpha", 2)
    grid = Expression("spatial.grid", [[3, 2]], {"extent": [3.0, 2.0]})
    ids: list[int] = call("Create", "iaf_psc_alpha", None, None, grid).tolist()
    assert ids == [3, 4, 5, 6, 7, 8]
    return ids


POSITIONS = [[-1.0, 0.5], [-1.0, -0.5], [0.0, 0.5], [0.0, -0.5], [1.0, 0.5], [1.0, -0.5]]


def test_ids_of_a_layer_keep_its_positions(call: Call, layer: list[int]) -> None:
    assert call("GetPosition", layer) == POSITIONS
    assert call("NodeCollection.spatial", layer)["network_size"] == 6


@pytest.mark.parametrize("chosen", [[0, 1, 2], [1], [0, 2, 4], [5], [0, 1, 5], [0, 3, 4]])
def test_some_ids_of_a_layer_keep_their_positions(
    call: Call, layer: list[int], chosen: list[int]
) -> None:
    found = call("GetPosition", [layer[index] for index in chosen])
    wanted = [POSITIONS[index] for index in chosen]
    assert found == (wanted if len(chosen) > 1 else wanted[0])


def test_nodes_without_positions_stay_without(call: Call, layer: list[int]) -> None:
    assert call("NodeCollection.spatial", [1, 2]) is None
    assert call("NodeCollection.spatial", [2, 3]) is None
    with pytest.raises(KernelError):
        call("GetPosition", [1, 2])


def test_ids_across_two_layers_are_plain_nodes(call: Call, layer: list[int]) -> None:
    grid = Expression("spatial.grid", [[2, 1]])
    second = call("Create", "iaf_psc_alpha", None, None, grid).tolist()
    assert call("NodeCollection.spatial", second)["network_size"] == 2
    assert call("NodeCollection.spatial", [layer[-1], second[0]]) is None


def test_some_ids_of_a_layer_can_be_sliced_and_joined_like_other_nodes(
    call: Call, layer: list[int]
) -> None:
    for nodes in ([3, 4, 5], layer, [1, 2, 3]):
        assert call("NodeCollection.slice", nodes, step=2).tolist() == nodes[::2]
        assert call("NodeCollection.slice", nodes, 1).tolist() == nodes[1:]
        assert call("NodeCollection.take", nodes, [0, 2]).tolist() == [nodes[0], nodes[2]]
    for one, other in (([3, 4], [6]), ([3, 5], [4]), ([1], [3, 4]), ([1], [2])):
        assert call("NodeCollection.join", one, other).tolist() == sorted(one + other)
    with pytest.raises(KernelError):
        call("NodeCollection.join", [3, 4], [4])


def test_reset_forgets_layers(call: Call, layer: list[int]) -> None:
    call("ResetKernel")
    call("Create", "iaf_psc_alpha", 8)
    assert call("NodeCollection.spatial", layer) is None


def test_layers_find_slices_by_bisection() -> None:
    nest.ResetKernel()
    layers = Layers()
    made = []
    for _ in range(3):
        nest.Create("iaf_psc_alpha")
        made.append(nest.Create("iaf_psc_alpha", positions=nest.spatial.grid([2, 2])))
        layers.add(made[-1])
    for one in made:
        ids = np.array(one.tolist())
        assert layers.collection(ids) is one
        found = layers.containing(ids[1:3])
        assert found is not None
        assert found[0] is one
        assert found[1].tolist() == [1, 2]
        assert layers.containing(ids - 1) is None
        assert layers.containing(ids + 1) is None
    assert len(layers.collection(np.array([], np.int64))) == 0
    layers.clear()
    assert layers.containing(np.array([2])) is None


# Kernel attributes and inspection.


def test_attribute_is_read_like_a_call_and_set_by_its_name(kernel: Kernel, call: Call) -> None:
    assert call("resolution") == 0.1
    kernel.execute(Operation(Action.SET, "resolution", [0.5]), False)
    read = Operation(Action.GET, "resolution")
    assert merge(read, OneRank(kernel).execute(read, False)) == 0.5
    call("SetKernelStatus", {"resolution": 0.2})
    assert call("resolution") == 0.2


def test_attribute_takes_no_arguments_and_functions_are_not_set(kernel: Kernel, call: Call) -> None:
    with pytest.raises(ArgumentError, match="is a value and takes no arguments"):
        call("resolution", 0.5)
    for action, args in ((Action.SET, [1]), (Action.GET, [])):
        with pytest.raises(ArgumentError, match="Create is"):
            kernel.execute(Operation(action, "Create", args), False)


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (-1.0, "cannot be negative"),
        (0.05, "must be a multiple of the simulation resolution"),
        (float("nan"), "must be finite"),
        (float("inf"), "must be finite"),
        (1e300, "must be"),
    ],
)
def test_time_that_can_not_be_simulated_leaves_a_network_that_can_grow(
    call: Call, time: float, said: str
) -> None:
    call("Create", "iaf_psc_alpha", 2, {"I_e": 500.0})
    with pytest.raises(KernelError, match=said) as raised:
        call("Simulate", time)
    assert raised.value.error_name == "BadParameter"
    # After a Prepare, NEST has buffers for the delays so far: longer ones overflow them.
    call("Connect", [1, 2], [1, 2], None, {"delay": 50.0})
    call("Simulate", 100.0)
    assert call("biological_time") == 100.0


def test_inspection_of_another_kind_is_refused(kernel: Kernel) -> None:
    for kind in ([None], [], [3]):
        with pytest.raises(ArgumentError, match="inspect must be"):
            kernel.execute(Operation(Action.INSPECT, "Connect", kind), False)
