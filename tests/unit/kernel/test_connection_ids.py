"""Ends of connections are what PyNEST says they are, or are asked of PyNEST."""

from __future__ import annotations

import numpy as np
import pytest

from nestd.kernel.kernel import Kernel
from nestd.kernel.native import connection_ids, switch
from nestd.kernel.native.connection_ids import FIELDS, read_ids
from nestd.kernel.pynest import nest


@pytest.fixture
def found(kernel: Kernel) -> nest.SynapseCollection:
    """Connections of neurons and devices, of several models, on two threads."""
    nest.local_num_threads = 2
    neurons, recorder = nest.Create("iaf_psc_alpha", 7), nest.Create("spike_recorder")
    nest.Connect(neurons, neurons, {"rule": "fixed_indegree", "indegree": 5})
    nest.Connect(neurons, neurons, syn_spec="stdp_synapse")
    nest.Connect(nest.Create("poisson_generator"), neurons)
    nest.Connect(neurons, recorder)
    return nest.GetConnections()


def test_fields_are_those_that_pynest_gives(found: nest.SynapseCollection) -> None:
    columns = read_ids(found._datum, FIELDS)
    assert columns is not None
    assert len(found) == 35 + 49 + 7 + 7
    assert {name: column.tolist() for name, column in columns.items()} == found.get(list(FIELDS))
    backwards = read_ids(found._datum[::-1], ["target"])
    assert backwards is not None
    assert np.array_equal(backwards["target"], columns["target"][::-1])
    one = read_ids(found._datum[:1], ["port", "source"])
    assert one == {"port": [found[0].port], "source": [found[0].source]}


@pytest.mark.parametrize("what", ["switched off", "another NEST", "another order", "no objects"])
def test_what_is_not_as_known_is_not_read(
    found: nest.SynapseCollection, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = list(found._datum)
    match what:
        case "switched off":
            monkeypatch.setattr(switch, "is_on", False)
        case "another NEST":
            monkeypatch.setattr(connection_ids, "_KNOWN", ("3.9.",))
        case "another order":
            monkeypatch.setattr(connection_ids, "FIELDS", FIELDS[::-1])
        case "no objects":
            data.append(object())
    assert read_ids(data, FIELDS) is None
