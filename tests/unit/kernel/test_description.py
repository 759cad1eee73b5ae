"""What the kernel tells of its calls, for the document of the server."""

from __future__ import annotations

import pytest

from nestd.kernel.api.allow_list import AllowList
from nestd.kernel.api.description import described
from nestd.kernel.kernel import Kernel
from nestd.kernel.layers import Layers
from nestd.kernel.simulation import Simulation
from protocol.api_description import ApiDescription, Call, Given, Kind
from protocol.wire.messages import Action, Operation
from protocol.wire.pack import Packer
from protocol.wire.unpack import Unpacker

ALLOW_LIST = AllowList(Layers(), Simulation())
INTERFACE = described(ALLOW_LIST)
CALLS = {call.name: call for call in INTERFACE.calls}


def test_every_name_is_described_in_order() -> None:
    assert list(CALLS) == ALLOW_LIST.names


def test_kernel_answers_it_in_one_message(kernel: Kernel) -> None:
    value = kernel.execute(Operation(Action.DESCRIBE_API), False)
    assert ApiDescription.from_value(Unpacker().unpack(Packer().pack(value))) == INTERFACE


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_parameters_are_those_of_the_signature(call: Call) -> None:
    entry = ALLOW_LIST.find(call.name)
    assert [p.name for p in call.parameters] == list(entry.signature.parameters)
    assert [p.kind for p in call.parameters] == [
        entry.kinds[name] for name in entry.signature.parameters
    ]
    assert call.signature == str(entry.signature)
    assert call.group


def test_parameters_say_how_they_are_given_and_their_defaults() -> None:
    model, n, *_ = CALLS["Create"].parameters
    assert (model.kind, model.given, model.required) == (Kind.STRING, Given.EITHER, True)
    assert (n.kind, n.required, n.default, n.default_text) == (Kind.COUNT, False, 1, "1")
    nodes, more, keys, _ = CALLS["GetStatus"].parameters
    assert nodes.aliases == ("nodes", "conns", "nc")
    assert (more.given, keys.given) == (Given.REST, Given.BY_NAME)
    assert CALLS["Mask.or"].parameters[0].given is Given.BY_POSITION
    assert CALLS["set"].parameters[0].given is Given.NAMES
    assert CALLS["message"].parameters[1].default == 10


def test_attributes_say_whether_they_can_be_set() -> None:
    assert CALLS["resolution"].settable
    assert not CALLS["network_size"].settable
    assert not CALLS["Create"].settable
    assert "resolution of the simulation" in CALLS["resolution"].documentation
