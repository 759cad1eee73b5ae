"""Scripts as NEST Desktop 4.2 generates them, for POST /exec, and what it reads of the answers.

Five have the calls, in their order, and the constructs of the five projects that it comes with; two
have what else its editor can put into a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
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


def _text(name: str) -> str:
    return (Path(__file__).with_name("desktop_scripts") / name).read_text(encoding="utf-8")


SPIKES = DesktopScript("spikes of a population", _text("spikes.txt"), (Recorder(42, range(2, 42)),))

PLACED_VOLTAGES = DesktopScript(
    "voltages of a population in space",
    _text("placed_voltages.txt"),
    (Recorder(27, range(2, 27), ("V_m",)),),
    range(2, 27),
)

SPIKE_RESPONSE = DesktopScript(
    "response of a neuron to spikes", _text("spike_response.txt"), (Recorder(3, [2], ("V_m",)),)
)

CURRENT_STEP = DesktopScript(
    "response of a neuron to a current step",
    _text("current_step.txt"),
    (Recorder(3, [2], ("V_m",)),),
)

PLACED_SPIKES = DesktopScript(
    "spikes of a population in space",
    _text("placed_spikes.txt"),
    (Recorder(32, range(2, 32)),),
    range(2, 32),
)

EDITED = DesktopScript(
    "copied models, groups, slices, arrays and several recorders",
    _text("edited.txt"),
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
    _text("branched.txt"),
    (Recorder(20, [2], ("v_comp0", "v_comp1")), Recorder(21, range(12, 20), ("V_m",))),
    range(3, 20),
)

#: In the shape of the projects that NEST Desktop comes with, and of what else its editor makes.
SCRIPTS = [SPIKES, PLACED_VOLTAGES, SPIKE_RESPONSE, CURRENT_STEP, PLACED_SPIKES, EDITED, BRANCHED]
