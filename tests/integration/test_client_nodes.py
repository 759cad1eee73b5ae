# ruff: noqa: E501
"""Nodes of NESTServerClient: those of PyNEST, and lists of ids as with NEST 3.10's client."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from nest_remote import NESTServerError
from NESTServerClient import NESTServerClient

#: Expressions about 3 neurons ``n`` and a recorder ``r``, and what a list of ids gives.
AS_LISTS = {
    "n == [1, 2, 3], n == (1, 2, 3), n != [1, 2], n == None, r == [4]": "True, True, True, False, True",
    "n + [7], [7] + n, n + (7, 8), n + np.array([7])": "[1, 2, 3, 7], [7, 1, 2, 3], [1, 2, 3, 7, 8], [1, 2, 3, 7]",
    "(n + r) == [1, 2, 3, 4], (n[:1] + n[2:]).tolist()": "True, [1, 3]",
    "json.dumps(n), json.dumps({'n': n[1], 'm': n[1:]})": "'[1, 2, 3]', '{\"n\": 2, \"m\": [2, 3]}'",
    "json.loads(json.dumps(n, indent=1)), json.loads(nsc.to_json([n, r]))": "[1, 2, 3], [[1, 2, 3], [4]]",
    "n[0] == 1, n[-1] == 3, n[0] + 1, 1 + n[1], n[1] > n[0], n[0] == n[1]": "True, True, 2, 3, True, False",
    "{n[0]: 5}[1], [1, 2, 3][n[0]], n[1] in n, 2 in n, n.index(n[2]), n.count(2)": "5, 2, True, True, 2, 1",
    "[i + 0 for i in n] == [1, 2, 3], max(n) == 3, sorted(n, reverse=True) == [3, 2, 1]": "True, True, True",
    "np.array([n[0], n[2]]).tolist(), np.array(n).tolist(), n[[0, 2]] == [1, 3]": "[1, 3], [1, 2, 3], True",
    "sum([n[0], n[1]]).tolist(), sum([n[:1], n[1:]]).tolist(), len(n[0]), n[0].tolist()": "[1, 2], [1, 2, 3], 1, [1]",
    "nsc.GetStatus([n[0], n[2]], 'V_m'), nsc.GetStatus(n[0], 'V_m')": "(-70., -70.), (-70.,)",
    "n.V_m, n[1].V_m, n[1:].get('V_m'), n[1].set(V_m=-60.), n[1].V_m": "(-70.,) * 3, -70., (-70.,) * 2, None, -60.",
    "nsc.Connect([n[0]], [n[1]]), nsc.Connect([n[2], n[0]], [n[0], n[0]], 'one_to_one'), nsc.GetConnections().source": "None, None, [1, 1, 3]",
    "nsc.SetStatus([n[0], n[1]], {'V_m': -50.}), nsc.Disconnect(n[0], n[0]) if 0 else 1": "None, 1",
    "copy.copy(n) == n, copy.deepcopy({'a': n}) == {'a': [1, 2, 3]}, list(n) == [1, 2, 3]": "True, True, True",
}


@pytest.mark.parametrize("expression", AS_LISTS)
def test_nodes_are_lists_of_ids(expression: str, nsc: NESTServerClient) -> None:
    names: dict[str, Any] = {"nsc": nsc, "json": json, "np": np, "copy": copy}
    names |= {"n": nsc.Create("iaf_psc_alpha", 3), "r": nsc.Create("spike_recorder")}
    assert eval(expression, names) == eval(AS_LISTS[expression])


def test_changing_the_list_would_not_change_the_network(nsc: NESTServerClient) -> None:
    nodes = nsc.Create("iaf_psc_alpha", 3)
    with pytest.raises(TypeError, match=r"their ids can: nodes\.tolist\(\)"):
        nodes.append(7)
    more = nodes
    more += nsc.Create("iaf_psc_alpha")
    assert (more == [1, 2, 3, 4], nodes == [1, 2, 3]) == (True, True)


def test_nodes_of_a_network_that_is_gone_are_refused(nsc: NESTServerClient) -> None:
    nodes = nsc.Create("iaf_psc_alpha", 3)
    nsc.ResetKernel()
    nsc.Create("iaf_psc_alpha", 3)
    assert str(nodes).startswith("NodeCollection(metadata=None, model=iaf_psc_alpha, size=3")
    for ask in (lambda: nodes[0].V_m, lambda: nsc.GetStatus(nodes[0]), lambda: nodes.V_m):
        with pytest.raises(NESTServerError, match="ResetKernel"):
            ask()


def test_random_and_spatial_objects_are_those_of_pynest(nsc: NESTServerClient) -> None:
    neurons = nsc.Create("iaf_psc_alpha", 50, {"V_m": -70.0 + 10.0 * nsc.random.uniform()})
    assert len(set(neurons.V_m)) == 50
    assert all(-70.0 <= value < -60.0 for value in neurons.V_m)
    grid = nsc.Create("iaf_psc_alpha", positions=nsc.spatial.grid([2, 2], extent=[1.0, 1.0]))
    assert nsc.GetPosition(grid[0]) == [-0.25, 0.25]
    weight = nsc.math.exp(-nsc.spatial.distance)
    rule = {
        "rule": "pairwise_bernoulli",
        "p": nsc.logic.conditional(nsc.spatial.distance < 0.6, 1, 0),
    }
    nsc.Connect(grid, grid, rule, {"weight": weight})
    assert sorted({round(found, 6) for found in nsc.GetConnections(grid).weight}) == [0.606531, 1.0]
    free = nsc.Create(
        "iaf_psc_alpha", 3, positions=nsc.spatial.free(nsc.random.normal(), num_dimensions=2)
    )
    assert len(nsc.GetPosition(free)) == 3
    assert "random" in dir(nsc)


def test_events_are_written_as_json(nsc: NESTServerClient) -> None:
    generator = nsc.Create("spike_generator", params={"spike_times": [1.0, 2.0]})
    recorder = nsc.Create("spike_recorder")
    nsc.Connect(generator, recorder)
    nsc.Simulate(10.0)
    events = nsc.GetStatus(recorder, "events")[0]
    expected = {"senders": [1, 1], "times": [1.0, 2.0]}
    assert json.loads(nsc.to_json(events)) == expected
    assert json.loads(json.dumps(events, default=nsc.serialize_data)) == expected
