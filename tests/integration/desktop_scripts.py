"""Scripts as NEST Desktop 4.2 generates them, for POST /exec, and what it reads of the answers.

Five have the calls, in their order, and the constructs of the five projects that it comes with; two
have what else its editor can put into a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.integration.servers import Server

#: Fields of events that are whole numbers; a null of NaN would be neither.
_INTEGERS = frozenset(["senders", "targets", "receptors", "ports"])


@dataclass(frozen=True)
class Recorder:
    """A recorder whose events a script returns.

    Attributes
    ----------
    node : its id
    senders : ids of the nodes that it records from
    recorded : fields of its events beside ``senders`` and ``times``
    """

    node: int
    senders: Sequence[int]
    recorded: tuple[str, ...] = ()


@dataclass(frozen=True)
class DesktopScript:
    """A script and what to find in its answer.

    Attributes
    ----------
    name : for reports of tests
    text : the source, with ``THREADS`` where NEST Desktop has its number of threads
    recorders : in the order of their events
    located : ids of the nodes whose positions are in the answer
    """

    name: str
    text: str
    recorders: tuple[Recorder, ...]
    located: Sequence[int] = ()

    def body(self, threads: int = 1) -> dict[str, Any]:
        """What NEST Desktop sends."""
        source = self.text.replace("THREADS", str(threads))
        return {"source": source, "response_keys": "response", "return": "response"}


def check_answer(server: Server, script: DesktopScript, answer: dict[str, Any]) -> None:
    """Assert that ``answer`` has what NEST Desktop reads, and agrees with the network."""
    assert answer.keys() == {"data"}
    data = answer["data"]
    assert data.keys() == ({"events", "positions"} if script.located else {"events"})
    assert len(data["events"]) == len(script.recorders)
    for recorder, events in zip(script.recorders, data["events"], strict=True):
        assert events.keys() == {"senders", "times", *recorder.recorded}
        assert {len(column) for column in events.values()} == {len(events["times"])}
        assert server.call("GetStatus", [[recorder.node], "n_events"]) == [len(events["times"])]
        assert set(events["senders"]) == set(recorder.senders)
        assert events["times"] == sorted(events["times"])
        for field, column in events.items():
            kind = int if field in _INTEGERS else float
            assert all(type(value) is kind for value in column)
    if script.located:
        assert [*data["positions"]] == [str(node) for node in script.located]
        assert all(
            len(place) == 2 and all(abs(coordinate) <= 0.5 for coordinate in place)
            for place in data["positions"].values()
        )


SPIKES = DesktopScript(
    "spikes of a population",
    """import nest
import numpy as np

nest.ResetKernel()

# Kernel
nest.SetKernelStatus({
  "local_num_threads": THREADS,
  "resolution": 0.2,
  "rng_seed": 7
})

# Nodes
noise = nest.Create("poisson_generator", params={
  "rate": 9000,
})
cells = nest.Create("iaf_psc_exp", 40)
spikes = nest.Create("spike_recorder")

# Connections
nest.Connect(noise, cells, syn_spec={ 
  "weight": 40,
})
nest.Connect(cells, spikes)

# Simulation
nest.Simulate(300)

response = {
  "events": [spikes.events, ]
}
""",  # noqa: W291  # NEST Desktop has it too
    (Recorder(42, range(2, 42)),),
)

PLACED_VOLTAGES = DesktopScript(
    "voltages of a population in space",
    """import nest
import numpy as np

nest.ResetKernel()

# Kernel
nest.SetKernelStatus({
  "local_num_threads": THREADS,
  "resolution": 0.5,
  "rng_seed": 11
})

# Nodes
noise = nest.Create("poisson_generator", params={
  "rate": 5000,
})
sheet = nest.Create("iaf_psc_exp", 25,
  positions=nest.spatial.free(
\t\tnest.random.uniform(-0.4, 0.4),
\t\tnum_dimensions=2
\t)
)
meter = nest.Create("voltmeter")

# Connections
nest.Connect(noise, sheet, syn_spec={
  "weight": 12.5,
})
nest.Connect(meter, sheet)

# Simulation
nest.Simulate(80)

# Places
where = lambda layer: dict(zip(layer.global_id, nest.GetPosition(layer)))

response = {
  "events": [meter.events, ],
  "positions": { **where(sheet), }
}
""",
    (Recorder(27, range(2, 27), ("V_m",)),),
    range(2, 27),
)

SPIKE_RESPONSE = DesktopScript(
    "response of a neuron to spikes",
    """import nest
import numpy as np

nest.ResetKernel()

# Kernel
nest.SetKernelStatus({
  "local_num_threads": THREADS,
  "resolution": 0.1,
  "rng_seed": 3
})

# Nodes
train = nest.Create("spike_generator", params={
  "spike_times": [20,35.5],
})
cell = nest.Create("iaf_cond_alpha")
meter = nest.Create("voltmeter", params={
  "interval": 0.1,
})

# Connections
nest.Connect(train, cell)
nest.Connect(meter, cell)

# Simulation
nest.Simulate(60)

response = {
  "events": [meter.events, ]
}
""",
    (Recorder(3, [2], ("V_m",)),),
)

CURRENT_STEP = DesktopScript(
    "response of a neuron to a current step",
    """import nest
import numpy as np

nest.ResetKernel()

# Kernel
nest.SetKernelStatus({
  "local_num_threads": THREADS,
  "resolution": 0.1,
  "rng_seed": 3
})

# Nodes
step = nest.Create("dc_generator", params={
  "amplitude": 400,
  "start": 10,
  "stop": 45,
})
cell = nest.Create("iaf_psc_exp", params={
  "C_m": 200,
})
meter = nest.Create("voltmeter", params={
  "interval": 0.1,
})

# Connections
nest.Connect(step, cell)
nest.Connect(meter, cell)

# Simulation
nest.Simulate(70)

response = {
  "events": [meter.events, ]
}
""",
    (Recorder(3, [2], ("V_m",)),),
)

PLACED_SPIKES = DesktopScript(
    "spikes of a population in space",
    """import nest
import numpy as np

nest.ResetKernel()

# Kernel
nest.SetKernelStatus({
  "local_num_threads": THREADS,
  "resolution": 1,
  "rng_seed": 5
})

# Nodes
noise = nest.Create("poisson_generator", params={
  "rate": 9000,
})
sheet = nest.Create("iaf_psc_exp", 30,
  positions=nest.spatial.free(
\t\tnest.random.uniform(-0.5, 0.5),
\t\tnum_dimensions=2
\t)
)
spikes = nest.Create("spike_recorder")

# Connections
nest.Connect(noise, sheet, syn_spec={
  "weight": 40,
})
nest.Connect(sheet, spikes)

# Simulation
nest.Simulate(200)

# Places
where = lambda layer: dict(zip(layer.global_id, nest.GetPosition(layer)))

response = {
  "events": [spikes.events, ],
  "positions": { **where(sheet), }
}
""",
    (Recorder(32, range(2, 32)),),
    range(2, 32),
)

EDITED = DesktopScript(
    "copied models, groups, slices, arrays and several recorders",
    """import nest
import numpy as np

nest.ResetKernel()

# Kernel
nest.SetKernelStatus({
  "local_num_threads": THREADS,
  "resolution": 0.1,
  "rng_seed": 9
})

# Copies of node models
nest.CopyModel("iaf_psc_alpha", "own_neuron", params={
  "tau_m": 12,
})

# Nodes
currents = nest.Create("step_current_generator", params={
  "amplitude_times": np.arange(1, 60, 20),
  "amplitude_values": np.linspace(450, 600, 3),
})
first = nest.Create("own_neuron", 6, params={
  "V_m": nest.random.uniform(-70, -60),
})
second = nest.Create("iaf_psc_exp", 4, params={
  "I_e": 450,
})
both = first + second
weights = nest.Create("weight_recorder")
meter = nest.Create("multimeter", params={
  "record_from": ["V_m","I_syn_ex"],
})
spikes = nest.Create("spike_recorder")

# Copies of synapse models
nest.CopyModel("stdp_synapse", "own_synapse", params={
  "weight_recorder": weights,
  "Wmax": 200,
})

# Connections
nest.Connect(currents, first)
nest.Connect(first[:4:2], second[1:], "all_to_all", syn_spec="own_synapse")
nest.Connect(both, both, conn_spec={
  "rule": "pairwise_bernoulli",
  "p": 0.4,
  "allow_autapses": False,
}, syn_spec={
  "synapse_model": "tsodyks2_synapse",
  "weight": nest.random.uniform(10, 30),
})
nest.Connect(meter, second[2:])
nest.Connect(both, spikes)

# Simulation
nest.Simulate(100)

response = {
  "events": [weights.events, meter.events, spikes.events, ]
}
""",
    (
        Recorder(12, [2, 4], ("weights", "targets", "receptors", "ports")),
        Recorder(13, [10, 11], ("V_m", "I_syn_ex")),
        Recorder(14, range(2, 12)),
    ),
)

# NEST itself adds the spikes of one step in an order that depends on the number of ranks, so their
# weights are whole numbers, whose sum does not.
BRANCHED = DesktopScript(
    "compartments, and connections that depend on distance",
    """import nest
import numpy as np

nest.ResetKernel()

# Kernel
nest.SetKernelStatus({
  "local_num_threads": THREADS,
  "resolution": 0.1,
  "rng_seed": 9
})

# Nodes
train = nest.Create("spike_generator", params={
  "spike_times": [5],
})
tree = nest.Create("cm_default")
grid = nest.Create("iaf_psc_exp", params={
  "I_e": 500,
},
  positions=nest.spatial.grid([3,3])
)
sheet = nest.Create("iaf_psc_exp", 8,
  positions=nest.spatial.free(
\t\tnest.random.uniform(-0.5, 0.5),
\t\tnum_dimensions=2
\t)
)
meter = nest.Create("multimeter", params={
  "record_from": ["v_comp0","v_comp1"],
})
volts = nest.Create("voltmeter")

# Compartments
tree.compartments = [
  {"parent_idx": -1, "params": {
    "C_m": 90,
    "g_L": 9,
    }
  },
  {"parent_idx": 0},
]

# Receptors
tree.receptors = [
  {"comp_idx": 1, "receptor_type": "AMPA", "params": {
    "tau_d_AMPA": 3,
    }
  },
]

# Connections
nest.Connect(train, tree, syn_spec={
  "weight": 4,
  "receptor_type": 0,
})
nest.Connect(grid, sheet, conn_spec={
  "rule": "pairwise_bernoulli",
  "p": nest.spatial_distributions.gaussian(nest.spatial.distance, 0, 0.7),
}, syn_spec={
  "weight": 64,
  "delay": 2.5 * nest.spatial.distance + 1,
})
nest.Connect(meter, tree)
nest.Connect(volts, sheet)

# Simulation
nest.Simulate(40)

# Places
where = lambda layer: dict(zip(layer.global_id, nest.GetPosition(layer)))

response = {
  "events": [meter.events, volts.events, ],
  "positions": { **where(grid),**where(sheet), }
}
""",
    (
        Recorder(20, [2], ("v_comp0", "v_comp1")),
        Recorder(21, range(12, 20), ("V_m",)),
    ),
    range(3, 20),
)

#: In the shape of the projects that NEST Desktop comes with, and of what else its editor makes.
SCRIPTS = [
    SPIKES,
    PLACED_VOLTAGES,
    SPIKE_RESPONSE,
    CURRENT_STEP,
    PLACED_SPIKES,
    EDITED,
    BRANCHED,
]
