"""Voltage traces show what PyNEST's own show."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nest_remote.plots import traces
from nestd.kernel.pynest import nest
from tests.unit.nest_remote.plots.conftest import Draw
from tests.unit.nest_remote.plots.pictures import picture

OURS = traces.functions(nest)
NESTS = nest.voltage_trace


def recording(model: str = "voltmeter", **params: Any) -> Any:
    """A recorder of two neurons, one of which is driven."""
    neurons = nest.Create("iaf_psc_alpha", 2)
    neurons[1].I_e = 300.0
    recorder = nest.Create(model, params)
    nest.Connect(recorder, neurons)
    nest.Simulate(10.0)
    return recorder


def close_to(ours: Any, theirs: Any) -> bool:
    """Whether two pictures are equal but for single precision, in which PyNEST keeps traces."""
    if isinstance(ours, float) and isinstance(theirs, float):
        return bool(np.isclose(ours, theirs, rtol=1e-5, atol=1e-4))
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(close_to(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, (list, tuple)):
        return len(ours) == len(theirs) and all(map(close_to, ours, theirs))
    return bool(ours == theirs)


def test_offers_what_pynest_offers() -> None:
    assert OURS.keys() == set(NESTS.__all__)
    for name, function in OURS.items():
        theirs = inspect.signature(getattr(NESTS, name)).parameters
        ours = inspect.signature(function).parameters
        assert function.__name__ == name
        assert function.__doc__
        assert [(p.name, p.default) for p in ours.values()] == [
            (p.name, p.default) for p in theirs.values()
        ]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"neurons": [2]},
        {"neurons": [2, 1], "title": "Title", "grayscale": True},
        {"timeunit": "s"},
        {"timeunit": "fortnight"},
    ],
    ids=str,
)
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("model", ["voltmeter", "multimeter"])
def test_recorders_are_drawn_as_by_pynest(
    model: str, steps: bool, options: dict[str, Any], figure_of: Draw
) -> None:
    params = {"record_from": ["I_syn_ex", "V_m"]} if model == "multimeter" else {}
    recorder = recording(model, time_in_steps=steps, **params)
    theirs = picture(figure_of(NESTS.from_device, recorder, **options))
    assert close_to(picture(figure_of(OURS["from_device"], recorder, **options)), theirs)


def test_a_copied_model_of_a_voltmeter_is_one(figure_of: Draw) -> None:
    nest.CopyModel("voltmeter", "mine", {"interval": 2.0})
    recorder = recording("mine")
    theirs = picture(figure_of(NESTS.from_device, recorder))
    assert close_to(picture(figure_of(OURS["from_device"], recorder)), theirs)


def test_every_neuron_has_a_list_of_one_line_with_the_precision_of_pynest() -> None:
    recorder = recording()
    drawn = OURS["from_device"](recorder)
    assert [len(lines) for lines in drawn] == [1, 1]
    events = recorder.events
    for node, (line,) in zip((1, 2), drawn, strict=True):
        own = events["senders"] == node
        assert line.get_xdata().tolist() == events["times"][own].astype(np.float32).tolist()
        assert line.get_ydata().tolist() == events["V_m"][own].astype(np.float32).tolist()


def test_traces_are_added_to_the_current_axes() -> None:
    _, axes = plt.subplots()
    axes.plot([1, 2], [3, 4])
    OURS["from_device"](recording())
    assert len(axes.lines) == 3


def test_neurons_may_be_nodes_and_unknown_ones_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorder = recording()
    (drawn,) = OURS["from_device"](recorder, neurons=nest.GetNodes({"I_e": 300.0}))
    assert drawn[0].get_label() == "Neuron 2"
    assert OURS["from_device"](recorder, neurons=[7]) == []
    assert capsys.readouterr().out == "INFO: Wrong ID: 7\n"


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"title": "Title", "grayscale": True}], ids=str)
def test_tables_are_drawn_as_by_pynest(
    columns: int,
    options: dict[str, Any],
    tmp_path: Path,
    figure_of: Draw,
    capsys: pytest.CaptureFixture[str],
) -> None:
    events = recording().events
    table = np.column_stack([events[name] for name in ("senders", "times", "V_m")])
    file = str(tmp_path / "table.dat")
    np.savetxt(file, {1: table[:, 2], 2: table[:, [0, 2]], 3: table}[columns])
    theirs = picture(figure_of(NESTS.from_file, file, **options))
    said = capsys.readouterr().out.split()
    assert picture(figure_of(OURS["from_file"], file, **options)) == theirs
    assert capsys.readouterr().out.split() == said


def test_several_tables_are_one(tmp_path: Path, figure_of: Draw) -> None:
    files = [str(tmp_path / "a.dat"), str(tmp_path / "b.dat")]
    for node, file in enumerate(files):
        np.savetxt(file, [[node, 1.0, -70.0], [node, 2.0, -69.0]])
    theirs = picture(figure_of(NESTS.from_file, files, title="Title"))
    assert picture(figure_of(OURS["from_file"], files, title="Title")) == theirs
    OURS["from_file"](tuple(files))
    assert plt.gca().get_title() == (
        f"Membrane potential from file '{tmp_path}/a.dat', '{tmp_path}/b.dat'"
    )


@pytest.mark.parametrize("steps", [False, True])
def test_what_nest_writes_can_be_read(steps: bool, figure_of: Draw) -> None:
    # PyNEST itself stumbles over the heading of these files.
    recorder = recording(record_to="ascii", time_in_steps=steps)
    ((shown),) = picture(figure_of(OURS["from_device"], recorder))
    nest.ResetKernel()
    ((expected),) = picture(figure_of(OURS["from_device"], recording(time_in_steps=steps)))
    for key in ("labels", "legend"):
        assert shown[key] == expected[key]
    # Files have three digits after the point.
    for (x, y, _), (x_in_memory, y_in_memory, _) in zip(
        shown["lines"], expected["lines"], strict=True
    ):
        assert x == x_in_memory
        assert np.allclose(y, y_in_memory, atol=6e-4)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    wide = tmp_path / "wide.dat"
    np.savetxt(wide, np.ones((2, 4)))
    empty = tmp_path / "empty.dat"
    empty.touch()
    neurons = nest.Create("iaf_psc_alpha", 2)
    meter = nest.Create("voltmeter")
    screen = nest.Create("voltmeter", {"record_to": "screen"})
    current = nest.Create("multimeter", {"record_from": ["I_syn_ex"]})
    both = nest.Create("multimeter", {"record_from": ["I_syn_ex", "V_m"], "record_to": "ascii"})
    for name, argument, error, message in (
        ("from_device", neurons, ValueError, "a single 'voltmeter' or 'multimeter'"),
        ("from_device", neurons[0], TypeError, "'voltmeter' or a 'multimeter' measuring V_m"),
        ("from_device", meter, ValueError, "No events recorded."),
        ("from_device", screen, ValueError, "neither records to ascii file nor to memory"),
        ("from_device", current, ValueError, "'multimeter' measuring 'V_m'"),
        ("from_device", both, ValueError, "measuring only 'V_m' or record to memory"),
        ("from_file", str(wide), ValueError, "Inappropriate data shape"),
        ("from_file", str(empty), ValueError, "No data to plot."),
        ("from_file", "nowhere.dat", FileNotFoundError, "nowhere.dat"),
        ("from_file", None, TypeError, "fname must be a str"),
    ):
        with pytest.raises(error, match=message):
            OURS[name](argument)
    assert plt.get_fignums() == []


def test_missing_matplotlib_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = recording()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="plotting needs matplotlib, which is not installed here"):
        OURS["from_device"](recorder)
