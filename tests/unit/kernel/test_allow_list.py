"""The allow-list: PyNEST's public interface, nothing below and nothing beside it."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nestd.kernel.api.allow_list import LEFT_OUT, AllowList, Role
from nestd.kernel.api.parameters import ALIASES, Kind
from nestd.kernel.layers import Layers
from nestd.kernel.pynest import nest
from nestd.kernel.simulation import Simulation
from protocol.errors import UnknownCall
from tests.sections import read_rows

ROWS = read_rows(Path(__file__).with_name("allow_list.txt"))


ALLOW_LIST = AllowList(Layers(), Simulation())
#: Packages of constructors: their functions are offered, not they themselves.
NAMESPACES = {"logic", "math", "random", "spatial", "spatial_distributions"}


def public() -> list[str]:
    return [name for name in dir(nest) if not name.startswith("_")]


def test_every_public_name_of_pynest_is_offered_or_left_out_with_a_reason() -> None:
    unreported = type(nest)._kernel_attr_names - nest.kernel_status.keys()
    forgotten = [
        name
        for name in public()
        if name not in ALLOW_LIST.names
        and name not in LEFT_OUT
        and name not in NAMESPACES
        and name not in unreported
    ]
    assert forgotten == []


def test_nothing_is_both_offered_and_left_out() -> None:
    assert not set(ALLOW_LIST.names) & set(LEFT_OUT)
    assert all(reason for reason in LEFT_OUT.values())


def test_names_left_out_exist() -> None:
    assert set(LEFT_OUT) <= set(public())


def test_names_are_sorted_and_there_once() -> None:
    assert ALLOW_LIST.names == sorted(set(ALLOW_LIST.names))


def test_no_name_leads_to_the_low_level_interface_a_module_or_something_private() -> None:
    for name in ALLOW_LIST.names:
        parts = name.split(".")
        assert "ll_api" not in parts
        assert not any(part.startswith("_") for part in parts), name
        if len(parts) > 1:
            assert parts[0] in NAMESPACES | {
                "NodeCollection",
                "SynapseCollection",
                "Parameter",
                "Mask",
            }
        assert not isinstance(ALLOW_LIST.find(name).target, ModuleType), name


@pytest.mark.parametrize("name", ROWS["any other name is unknown"])
def test_any_other_name_is_unknown(name: str) -> None:
    with pytest.raises(UnknownCall):
        ALLOW_LIST.find(name)


def test_name_left_out_says_what_to_do_instead() -> None:
    with pytest.raises(UnknownCall, match=r"raster_plot is not offered: .* GetStatus"):
        ALLOW_LIST.find("raster_plot")


def test_unknown_name_is_cut_in_messages() -> None:
    with pytest.raises(UnknownCall) as raised:
        ALLOW_LIST.find("x" * 10_000)
    assert len(raised.value.message) < 200
    assert raised.value.call == "x" * 80


def test_documented_calls_attributes_and_constructors_are_there() -> None:
    wanted = {
        "Create": Role.FUNCTION,
        "Connect": Role.FUNCTION,
        "GetConnections": Role.FUNCTION,
        "GetStatus": Role.FUNCTION,
        "Simulate": Role.FUNCTION,
        "ResetKernel": Role.FUNCTION,
        "NodeCollection.get": Role.FUNCTION,
        "NodeCollection": Role.CONSTRUCTOR,
        "CreateMask": Role.CONSTRUCTOR,
        "random.uniform": Role.CONSTRUCTOR,
        "spatial.grid": Role.CONSTRUCTOR,
        "spatial_distributions.gaussian": Role.CONSTRUCTOR,
        "Parameter.mul": Role.CONSTRUCTOR,
        "spatial.distance": Role.VALUE,
        "spatial.pos.x": Role.VALUE,
        "resolution": Role.ATTRIBUTE,
        "biological_time": Role.ATTRIBUTE,
        "node_models": Role.ATTRIBUTE,
        "kernel_status": Role.ATTRIBUTE,
    }
    assert {name: ALLOW_LIST.find(name).role for name in wanted} == wanted


@pytest.mark.parametrize("name", ALLOW_LIST.names)
def test_every_entry_is_complete(name: str) -> None:
    entry = ALLOW_LIST.find(name)
    assert entry.name == name
    assert callable(entry.target)
    assert entry.kinds.keys() == entry.signature.parameters.keys()
    assert all(isinstance(kind, Kind) for kind in entry.kinds.values())


@pytest.mark.parametrize(
    "name", [n for n in ALLOW_LIST.names if ALLOW_LIST.find(n).role is Role.ATTRIBUTE]
)
def test_every_kernel_attribute_can_be_read(name: str) -> None:
    found = ALLOW_LIST.find(name).target()
    if name == "userdict":
        assert found == {}
    elif name == "kernel_status":
        assert (found.asked, found.fields.keys()) == (None, nest.kernel_status.keys())
    else:
        assert (found.asked, list(found.fields)) == (name, [name])


@pytest.mark.parametrize(
    "name", [n for n in ALLOW_LIST.names if ALLOW_LIST.find(n).role is Role.VALUE]
)
def test_every_value_is_a_parameter(name: str) -> None:
    assert isinstance(ALLOW_LIST.find(name).target(), nest.Parameter)


NODE_PARAMETERS = ROWS["node parameters"]


def test_every_parameter_that_takes_nodes_or_connections_is_known_as_such() -> None:
    takes_anything = {Kind.ANY, Kind.STRING, Kind.MAPPING, Kind.NUMBER, Kind.INTEGER}
    for name in ALLOW_LIST.names:
        for parameter, kind in ALLOW_LIST.find(name).kinds.items():
            if parameter in NODE_PARAMETERS:
                assert kind not in takes_anything, (name, parameter)


def test_aliases_lead_to_parameters_that_exist() -> None:
    for (call, _), parameter in ALIASES.items():
        assert parameter in ALLOW_LIST.find(call).signature.parameters


def test_signatures_are_what_a_caller_can_read() -> None:
    assert str(ALLOW_LIST.find("GetStatus").signature) == (
        "(nodes_or_conns, *more_keys, keys=None, output='')"
    )
    assert str(ALLOW_LIST.find("Simulate").signature) == "(t)"


def test_replacements_keep_the_parameters_of_what_they_replace() -> None:
    for name in ("GetPosition", "PrintNodes", "Simulate", "help"):
        replaced: Any = getattr(nest, name)
        own = ALLOW_LIST.find(name).signature.parameters
        assert list(own) == list(inspect.signature(replaced).parameters)
