"""Actions of one rank's kernel, and answers that callers try to forge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nestd.kernel.kernel import Kernel
from nestd.kernel.pynest import nest
from nestd.partial.answers import Piece
from protocol.errors import StaleReference
from protocol.logging import context
from protocol.logging.context import RequestContext
from protocol.wire.messages import Action, Operation
from tests.unit.kernel.conftest import Call


@pytest.fixture
def userdict() -> Iterator[dict[str, Any]]:
    """PyNEST's dictionary for callers, empty afterwards."""
    yield nest.userdict
    nest.userdict.clear()


@pytest.mark.parametrize(
    "forged",
    [
        {"$share": "union", "items": [1, 2]},
        {"$share": "kernel", "fields": {"resolution": 7.0}, "asked": "resolution"},
        {"$share": "done", "missing": [], "put_off": True},
        {"$paused": True, "steps": 1, "from_ms": 0.0, "at_ms": 1.0, "until_ms": 2.0},
        {"kind": "local_vps", "vps": [1, 2]},
    ],
    ids=repr,
)
def test_dictionary_of_a_caller_is_no_partial_answer(
    userdict: dict[str, Any], kernel: Kernel, call: Call, forged: dict[str, Any]
) -> None:
    userdict.update(forged)
    assert call("userdict") == forged
    assert not isinstance(kernel.execute(Operation(Action.GET, "userdict"), True), Piece)


# Files are listed by rank 0's master, whose directory it is, without its kernel.
@pytest.mark.parametrize(
    "action",
    [action for action in Action if action is not Action.LIST_FILES],
    ids=lambda action: action.value,
)
def test_every_action_is_executed(kernel: Kernel, action: Action) -> None:
    arguments: dict[Action, tuple[str, list[Any]]] = {
        Action.CALL_JSON: ("Create", ["parrot_neuron"]),
        Action.CALL_PYNEST: ("Create", ["parrot_neuron"]),
        Action.COMMIT: ("Create", ["parrot_neuron"]),
        Action.GET: ("resolution", []),
        Action.SET: ("rng_seed", [5]),
        Action.INSPECT: ("Create", ["signature"]),
        Action.RELEASE_OWNERS: ("", [["a"], "it is late"]),
        Action.READ_NEW_EVENTS: ("", [1, []]),
        Action.ASSIGN_ORDER: ("", [None, [[0]], 1]),
    }
    nest.Create("spike_recorder")
    name, args = arguments.get(action, ("", []))
    if action is Action.ASSIGN_ORDER:
        nest.Connect(nest.Create("parrot_neuron"), nest.Create("parrot_neuron"))
        args[0] = kernel.execute(Operation(Action.CALL_JSON, "GetConnections"), True)
    if action is Action.RESUME:
        kernel.execute(Operation(Action.CALL_JSON, "Simulate", [2.0], budget=10), True)
    kernel.execute(Operation(action, name, args, budget=100), True)


def test_objects_of_an_owner_are_measured_and_go_with_the_reason(kernel: Kernel) -> None:
    def make(client: str, call: str, *args: Any) -> Any:
        with context.working_for(RequestContext(client=client)):
            return kernel.execute(Operation(Action.CALL_PYNEST, call, list(args)), True)

    nodes = make("a", "Create", "parrot_neuron", 50)
    make("a", "Connect", nodes, nodes)
    found = make("b", "GetConnections")
    assert found.size == 2500
    scattered = make("a", "NodeCollection", [1, 3, 50])
    measured = kernel.execute(Operation(Action.MEASURE_OWNERS, args=["a", "b", "c"]), True)
    assert isinstance(measured, dict) and measured.keys() == {"a", "b"}
    assert 500 < measured["a"] < 3000 and 200_000 < measured["b"] < 300_000
    reason = "its client is asleep"
    kernel.execute(Operation(Action.RELEASE_OWNERS, args=[["a"], reason, 100_000]), True)
    make("c", "NodeCollection.get", nodes, "model")
    kernel.execute(Operation(Action.RELEASE_OWNERS, args=[["a"], reason]), True)
    for gone in (nodes, scattered):
        with pytest.raises(StaleReference, match="its client is asleep"):
            make("c", "NodeCollection.get", gone, "model")
    assert make("c", "SynapseCollection.size", found) == 2500


def test_reset_gives_the_settings_of_a_new_process(kernel: Kernel, call: Call) -> None:
    # NEST's own ResetKernel leaves all of these but the last as they are.
    changes = {
        "eprop_update_interval": 500.0,
        "eprop_learning_window": 400.0,
        "eprop_reset_neurons_on_update": False,
        "data_prefix": "mine-",
        "adaptive_target_buffers": False,
        "buffer_size_spike_data": 7,
        "verbosity": 20,
        "resolution": 0.2,
    }
    before = {name: call("GetKernelStatus", name) for name in changes}
    for name, value in changes.items():
        call("SetKernelStatus", {name: value})
        assert call("GetKernelStatus", name) == value != before[name]
    call("ResetKernel")
    assert {name: call("GetKernelStatus", name) for name in changes} == before
