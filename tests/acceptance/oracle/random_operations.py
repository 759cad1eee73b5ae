"""Networks that are made, asked, run and taken apart at random, by operations that are valid."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.acceptance.oracle.asking import Ask, expression

_NEURONS = ("iaf_psc_alpha", "iaf_psc_exp", "iaf_psc_delta", "iaf_cond_exp", "parrot_neuron")
#: Shortest and longest delay: NEST takes no others once a network has run.
_DELAYS = (1.0, 1.5, 2.0)
_LARGEST = 150


class RandomUser:
    """Does one valid operation after the other, on one network after the other.

    Once a network has run, its connections stay: with several ranks NEST 3.10 loses spikes that
    are under way when connections are made or removed (``nest_itself``). Weights are multiples of
    a power of two, whose sums don't depend on their order.

    Parameters
    ----------
    ask : that carries operations out
    seed : of this user's choices
    """

    def __init__(self, ask: Ask, seed: int) -> None:
        self._ask = ask
        self._random = random.Random(seed)
        self._building = self._named("build_") + self._named("ask_")
        self._running = self._named("run_") + self._named("ask_")
        self.begin()

    def _named(self, prefix: str) -> list[Callable[[], Any]]:
        return [getattr(self, name) for name in sorted(dir(self)) if name.startswith(prefix)]

    def begin(self) -> None:
        """An empty network with the delays that all later ones are between."""
        self._ask.anew()
        self._neurons: list[int] = []
        #: Those of them that have a membrane potential.
        self._membranes: list[int] = []
        self._layers: list[list[int]] = []
        self._recorders: list[int] = []
        self._copies = 0
        self._ran = False
        self._create("iaf_psc_alpha", 3, None)
        for delay in (_DELAYS[0], _DELAYS[-1]):
            self._ask("Connect", self._neurons[:1], self._neurons[:1], "all_to_all", {
                "delay": delay, "weight": 0.0})  # fmt: skip

    def step(self) -> None:
        """One operation."""
        if self._ran and self._random.random() < 0.04:
            self.begin()
        self._ran = self._ran or self._random.random() < 0.06
        self._random.choice(self._running if self._ran else self._building)()

    def _some(self, ids: list[int]) -> list[int]:
        return sorted(self._random.sample(ids, self._random.randint(1, len(ids))))

    def _weight(self) -> float:
        return self._random.randint(-8, 24) * 0.5

    def _spec(self) -> dict[str, Any]:
        return {"weight": self._weight(), "delay": self._random.choice(_DELAYS)}

    def build_create_neurons(self) -> None:
        if len(self._neurons) > _LARGEST:
            return
        number = self._random.randint(1, 9)
        model = self._random.choice(_NEURONS)
        params = None
        if model != "parrot_neuron":
            params = self._random.choice(
                [
                    None,
                    {"V_m": -65.5},
                    {"V_m": [-70.0 + i for i in range(number)]},
                    {"V_m": expression("random.uniform", -70.0, -60.0)},
                    [{"V_m": -70.0 + 0.5 * i} for i in range(number)],
                ]
            )
        self._create(model, number, params)

    def _create(self, model: str, number: int, params: Any) -> None:
        nodes = self._ask("Create", model, number, params)
        self._neurons += nodes
        if model != "parrot_neuron":
            self._membranes += nodes

    def build_create_layer(self) -> None:
        if len(self._layers) > 4:
            return
        shape = [self._random.randint(1, 4), self._random.randint(1, 4)]
        positions = self._random.choice(
            [
                expression("spatial.grid", shape, edge_wrap=self._random.random() < 0.5),
                expression(
                    "spatial.free",
                    [[self._random.random(), self._random.random()] for _ in range(5)],
                ),
            ]
        )
        self._layers.append(self._ask("Create", "iaf_psc_alpha", positions=positions))
        self._neurons += self._layers[-1]
        self._membranes += self._layers[-1]

    def build_create_stimulus(self) -> None:
        model, params = self._random.choice(
            [
                ("poisson_generator", {"rate": 8000.0}),
                ("dc_generator", {"amplitude": 200.0}),
                ("spike_generator", {"spike_times": [1.0, 5.0, 40.0]}),
            ]
        )
        device = self._ask("Create", model, 1, params)
        weight = 1.0 if model == "dc_generator" else 12.5
        spec = {"weight": weight, "delay": self._random.choice(_DELAYS)}
        self._ask("Connect", device, self._some(self._membranes), "all_to_all", spec)

    def build_create_recorder(self) -> None:
        if self._random.random() < 0.5:
            recorder = self._ask("Create", "spike_recorder")
            self._ask("Connect", self._some(self._neurons), recorder)
        else:
            interval = self._random.choice([0.1, 1.0, 2.5])
            params = {"record_from": ["V_m"], "interval": interval}
            recorder = self._ask("Create", "multimeter", 1, params)
            self._ask("Connect", recorder, self._some(self._membranes))
        self._recorders += recorder

    def build_connect(self) -> None:
        rule = self._random.choice(
            [
                "all_to_all",
                {"rule": "fixed_indegree", "indegree": 2},
                {"rule": "fixed_outdegree", "outdegree": 2},
                {"rule": "pairwise_bernoulli", "p": 0.3},
                {"rule": "fixed_total_number", "N": 7},
            ]
        )
        sources, targets = self._some(self._neurons)[:12], self._some(self._neurons)[:12]
        self._ask("Connect", sources, targets, rule, self._spec())

    def build_connect_layers(self) -> None:
        if self._layers:
            rule = {"rule": "pairwise_bernoulli", "p": 0.5, "mask": {"circular": {"radius": 0.4}}}
            first, second = (self._random.choice(self._layers) for _ in range(2))
            self._ask("Connect", first, second, rule, self._spec())

    def ask_read_connections(self) -> None:
        self._ask("GetConnections", self._some(self._neurons), self._some(self._neurons))
        self._ask("num_connections")

    def ask_change_connections(self) -> None:
        found = self._ask("GetConnections", self._some(self._neurons)[:3])
        if found:
            described = {key: found[key][::2] for key in ("source", "target", "port")}
            each = [self._weight() for _ in described["source"]]
            self._ask("SetStatus", described, {"weight": each})
            self._ask("GetStatus", described, "weight")

    def build_disconnect(self) -> None:
        found = self._ask("GetConnections", self._some(self._neurons)[:2], self._neurons)
        # Not those that keep the shortest and the longest delay.
        kept = [row for row, source in enumerate(found.get("source", [])) if source > 1][:3]
        if kept:
            described = {
                key: [found[key][row] for row in kept] for key in ("source", "target", "port")
            }
            self._ask("Disconnect", described)

    def ask_set_nodes(self) -> None:
        chosen = self._some(self._membranes)
        each = [-70.0 + 0.25 * i for i in range(len(chosen))]
        value = self._random.choice([-62.5, each, expression("random.uniform", -70.0, -60.0)])
        self._ask("SetStatus", chosen, {"V_m": value})

    def ask_read_nodes(self) -> None:
        chosen = self._some(self._neurons)
        self._ask("GetStatus", self._some(self._membranes), "V_m")
        self._ask("GetStatus", chosen[:4])
        self._ask("NodeCollection.get", chosen, ["model", "global_id", "vp"])
        self._ask("GetNodes", {"model": self._random.choice(_NEURONS)})

    def ask_read_recorders(self) -> None:
        if self._recorders:
            self._ask("GetStatus", self._recorders)
            self._ask("GetStatus", self._recorders[:1], ["n_events", "events"])

    def ask_empty_recorders(self) -> None:
        if self._recorders:
            self._ask("SetStatus", self._some(self._recorders), {"n_events": 0})

    def ask_about_layer(self) -> None:
        if self._layers:
            layer = self._random.choice(self._layers)
            self._ask("GetPosition", layer)
            self._ask("Distance", layer[:1], layer)
            self._ask("FindNearestElement", layer, [self._random.random(), 0.25])
            self._ask("GetTargetNodes", layer[:2], layer)
            self._ask("NodeCollection.spatial", layer)

    def run_simulate(self) -> None:
        self._ask("Simulate", self._random.randint(1, 150) * 0.1)
        self._ask("biological_time")

    def run_in_parts(self) -> None:
        self._ask("Prepare")
        for _ in range(self._random.randint(1, 3)):
            self._ask("Run", self._random.randint(1, 40) * 0.1)
        self._ask("Cleanup")
        self._ask("local_spike_counter")

    def build_copy_model(self) -> None:
        self._copies += 1
        name = f"copy_{self._copies}"
        self._ask("CopyModel", "iaf_psc_alpha", name, {"C_m": 200.0 + self._copies})
        self._ask("GetDefaults", name, ["C_m", "tau_m"])
        self._create(name, 2, None)

    def ask_draw(self) -> None:
        self._ask("Parameter.GetValue", expression("random.uniform"))
        self._ask("GetKernelStatus", ["network_size", "rng_seed", "min_delay", "max_delay"])

    def ask_refused(self) -> None:
        self._ask.refusal("Create", "no_such_model")
        self._ask.refusal("GetStatus", self._neurons[:2], "no_such_key")
