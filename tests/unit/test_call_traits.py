"""Table of call traits: complete over all names that the allow-list offers, and free of others."""

from __future__ import annotations

import pytest

from nestd.call_traits import NOTHING, TRAITS, traits_of
from nestd.kernel.api.allow_list import AllowList, Role
from nestd.kernel.layers import Layers
from nestd.kernel.pynest import nest
from nestd.kernel.simulation import Simulation
from nestd.ranks.transport import GRACE_S, LONG_GRACE_S, grace_s
from protocol.errors import KernelError
from protocol.harmless_calls import ATTRIBUTES, HARMLESS
from protocol.wire.messages import SIMULATING, Action, Operation


@pytest.fixture(scope="module")
def allow_list() -> AllowList:
    """Return the allow-list of the NEST that is installed."""
    return AllowList(Layers(), Simulation())


def test_table_has_each_offered_name_and_no_other(allow_list: AllowList) -> None:
    unreported = set(type(nest)._kernel_attr_names) - set(allow_list.names)
    assert set(TRAITS) - unreported == set(allow_list.names)


def test_attributes_of_the_table_are_those_of_the_allow_list(allow_list: AllowList) -> None:
    roles = {name: allow_list.find(name).role for name in allow_list.names}
    offered = {name for name, role in roles.items() if role is Role.ATTRIBUTE}
    assert offered <= ATTRIBUTES
    assert {roles[name] for name in ATTRIBUTES & roles.keys()} == {Role.ATTRIBUTE}


def test_constructors_and_values_change_nothing(allow_list: AllowList) -> None:
    for name in allow_list.names:
        if allow_list.find(name).role in (Role.CONSTRUCTOR, Role.VALUE, Role.ATTRIBUTE):
            assert not TRAITS[name].changes_kernel, name


def test_protocol_names_the_same_calls_that_simulate() -> None:
    assert {name for name, traits in TRAITS.items() if traits.simulates} == SIMULATING


def test_simulating_communicates_and_what_needs_idle_changes_the_kernel() -> None:
    for name, traits in TRAITS.items():
        assert not traits.simulates or traits.communicates, name
        assert not traits.needs_idle or traits.changes_kernel, name
        assert not traits.resets_time or traits.builds, name


@pytest.mark.parametrize("call", sorted(name for name, it in TRAITS.items() if it.needs_idle))
def test_nest_refuses_between_prepare_and_cleanup_what_needs_idle(call: str) -> None:
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.QUIET
    nest.Create("iaf_psc_alpha")
    nest.Prepare()
    with pytest.raises(nest.NESTError):
        getattr(nest, call)(*{"Simulate": [1.0], "Install": ["no_such_module"]}.get(call, []))
    nest.Cleanup()


@pytest.mark.parametrize(
    ("action", "call", "trait", "value"),
    [
        (Action.SET, "resolution", "resets_time", True),
        (Action.SET, "resolution", "names_files", False),
        (Action.SET, "data_path", "names_files", True),
        (Action.GET, "resolution", "changes_kernel", False),
        (Action.CALL_JSON, "NodeCollection.set", "takes_events", True),
        (Action.CALL_PYNEST, "Simulate", "simulates", True),
        (Action.RESUME, "Simulate", "communicates", True),
        (Action.INSPECT, "Simulate", "simulates", False),
        (Action.CALL_JSON, "DumpLayerNodes", "writes_files", True),
    ],
)
def test_action_decides_too(action: Action, call: str, trait: str, value: bool) -> None:
    assert getattr(traits_of(Operation(action, call)), trait) is value


def test_names_that_are_not_offered_have_no_traits() -> None:
    assert traits_of(Operation(Action.CALL_JSON, "nonsense")) is NOTHING


def test_calls_that_anyone_may_send_leave_no_trace() -> None:
    for name in HARMLESS:
        traits = TRAITS[name]
        assert not traits.changes_kernel, name
        assert not (traits.takes_events or traits.writes_files), name
        # Help names a model, whose text is NEST's own.
        assert not traits.names_files or name == "help"
    assert "message" not in HARMLESS


def test_connecting_leaves_nobody_waiting_and_reading_does() -> None:
    building = {"Connect", "Disconnect", "SynapseCollection.disconnect", "TripartiteConnect"}
    assert {name for name, traits in TRAITS.items() if traits.lets_others_finish} == building
    assert all(traits.strands_others for name, traits in TRAITS.items() if name in ATTRIBUTES)


@pytest.mark.parametrize(
    ("call", "error_name", "is_short"),
    [
        ("GetConnections", "ValueError", True),
        ("Simulate", "NumericalInstability", True),
        ("Connect", "IllegalConnection", False),
        ("TripartiteConnect", "IllegalConnection", False),
        ("TripartiteConnect", "MemoryError", True),
        ("SetStatus", "BadProperty", False),
    ],
)
def test_rank_that_raised_waits_for_seconds_where_others_may_hang(
    call: str, error_name: str, is_short: bool
) -> None:
    error = KernelError("it failed", error_name=error_name)
    waited_s = grace_s(Operation(Action.CALL_JSON, call), error)
    assert waited_s == (GRACE_S if is_short else LONG_GRACE_S)
