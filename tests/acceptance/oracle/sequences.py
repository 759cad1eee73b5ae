"""All sequences of requests, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.acceptance.oracle import kernel, models, networks, parameters, recording, spatial
from tests.acceptance.oracle.asking import Ask

Sequence = Callable[[Ask], None]


def _of(module: object, *names: str) -> dict[str, Sequence]:
    return {name.replace("_", " "): getattr(module, name) for name in names}


#: Those that are written by hand.
SEQUENCES: dict[str, Sequence] = {
    **_of(
        networks,
        "created_with_values_for_each_node",
        "set_for_all_for_each_and_from_parameters",
        "each_node_read_alone",
        "connected_by_every_rule",
        "connected_with_random_and_listed_parameters",
        "connected_through_astrocytes",
        "connections_read_and_set_in_any_order",
        "connections_held_by_reference",
        "nodes_held_by_reference",
        "run_in_every_way",
        "balanced_network",
        "delays_that_only_one_rank_has",
        "small_network_after_a_big_one",
        "dopamine_and_weights_recorded",
        "gap_junctions_and_rates",
        "compartments_and_receptors",
    ),
    **_of(
        spatial,
        "grid",
        "wrapped_grid",
        "grid_in_space",
        "free_positions",
        "random_positions",
        "layers_connected_by_every_distribution",
        "masks",
        "dumped",
        "layers_connected_and_run",
    ),
    **_of(parameters, "random_distributions", "arithmetic", "seeds_and_generators"),
    **_of(
        recording,
        "spikes_to_memory",
        "traces_to_memory",
        "precise_times",
        "to_files",
        "to_the_screen",
        "spins_and_correlations",
    ),
    **_of(
        kernel,
        "attributes_read",
        "attributes_set",
        "models_and_help",
        "one_process_to_its_callers",
        "messages_and_verbosity",
        "refused",
    ),
}


def of_models(nodes: list[str], synapses: list[str]) -> dict[str, Sequence]:
    """One sequence for each model of NEST."""
    made: dict[str, Sequence] = {
        f"node model {model}": partial(models.node_model, model=model) for model in nodes
    }
    made |= {
        f"synapse model {model}": partial(models.synapse_model, model=model) for model in synapses
    }
    return made
