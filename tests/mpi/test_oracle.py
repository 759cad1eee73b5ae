"""Any number of ranks replies the same, byte for byte (``tests/acceptance/oracle``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.oracle.asking import Ask
from tests.acceptance.oracle.nest_itself import DEMONSTRATIONS, GROWTH, shown, synapses_that_grow
from tests.acceptance.oracle.sequences import SEQUENCES, Sequence, of_models
from tests.integration.servers import Server

#: Of the models, one in so many; ``scripts/oracle`` has all.
SAMPLED = 9


@pytest.fixture(scope="module")
def asked() -> dict[str, set[str]]:
    """The calls of each sequence that has run."""
    return {}


@pytest.fixture
def equal(
    one_rank: Server, two_ranks: Server, four_ranks: Server
) -> Callable[[Sequence], set[str]]:
    """``equal(sequence)``: run it on 1, 2 and 4 ranks, whose replies have to be equal."""

    def run(sequence: Sequence) -> set[str]:
        ask = Ask([one_rank, two_ranks, four_ranks])
        try:
            sequence(ask)
        finally:
            ask.close()
        assert not ask.differences, "\n".join(map(str, ask.differences[:5]))
        return ask.calls

    return run


@pytest.mark.parametrize("name", SEQUENCES)
def test_replies_are_the_same_on_1_2_and_4_ranks(
    equal: Callable[[Sequence], set[str]], asked: dict[str, set[str]], name: str
) -> None:
    asked[name] = equal(SEQUENCES[name])


def test_synapses_grow_as_in_plain_pynest_on_as_many_ranks(
    one_rank: Server, two_ranks: Server, four_ranks: Server, asked: dict[str, set[str]]
) -> None:
    plain = shown(synapses_that_grow)
    for ranks, server, expected in zip(
        (1, 2, 4), (one_rank, two_ranks, four_ranks), plain, strict=True
    ):
        ask = Ask([server])
        ask("SetKernelStatus", {"total_num_virtual_procs": ranks})
        ask("SetKernelStatus", {"structural_plasticity_update_interval": 10.0})
        ask("CopyModel", "static_synapse", "grown", {"weight": 2.0, "delay": 1.0})
        grown = {"synapse_model": "grown", **GROWTH["elements"]}
        ask("SetKernelStatus", {"structural_plasticity_synapses": {"grown": grown}})
        elements = {"in": GROWTH["curve"], "out": GROWTH["curve"]}
        nodes = ask("Create", "iaf_psc_alpha", 10, {"synaptic_elements": elements})
        ask("SetStatus", nodes, {"I_e": GROWTH["currents"]})
        ask("EnableStructuralPlasticity")
        ask("Simulate", 300.0)
        ask("DisableStructuralPlasticity")
        ask("Simulate", 50.0)
        found = ask("GetConnections", synapse_model="grown")
        pairs = [list(pair) for pair in zip(found["source"], found["target"], strict=True)]
        assert sorted(pairs) == sorted(expected)
        assert len(pairs) > 5
        ask("GetStatus", nodes, "synaptic_elements")
        asked["synapses that grow"] = ask.calls


def test_every_public_name_of_pynest_is_asked(one_rank: Server, asked: dict[str, set[str]]) -> None:
    for name, sequence in SEQUENCES.items():
        if name not in asked:
            alone = Ask([one_rank])
            alone.anew()
            sequence(alone)
            alone.close()
            asked[name] = alone.calls
    names = set(one_rank.get("/api").json()) - set().union(*asked.values())
    # Asked by the test before.
    assert names <= {"EnableStructuralPlasticity", "DisableStructuralPlasticity"}


def test_sampled_models_are_the_same_on_1_2_and_4_ranks(
    equal: Callable[[Sequence], set[str]], one_rank: Server, two_ranks: Server, four_ranks: Server
) -> None:
    names = [one_rank.call(kind)[::SAMPLED] for kind in ("node_models", "synapse_models")]
    for sequence in of_models(*names).values():
        Ask([one_rank, two_ranks, four_ranks]).anew()
        equal(sequence)


@pytest.mark.parametrize("demonstration", DEMONSTRATIONS, ids=lambda one: one.__name__)
def test_listed_differences_are_those_of_nest_itself(demonstration: Callable[[Any], Any]) -> None:
    found = [str(one) for one in shown(demonstration)]
    assert len(set(found)) > 1
