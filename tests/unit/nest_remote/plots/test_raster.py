"""Raster plots show what PyNEST's own show."""

from __future__ import annotations

import inspect
import shutil
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nest_remote.plots import raster
from nestd.kernel.pynest import nest
from tests.unit.nest_remote.plots.conftest import Draw
from tests.unit.nest_remote.plots.pictures import picture

OURS = raster.functions(nest)
NESTS = nest.raster_plot
DATA = np.array([[2, 1.0], [3, 2.5], [2, 7.0], [4, 11.0], [4, 12.5], [2, 21.0]])


def spiking(**params: Any) -> Any:
    """A spike recorder with the spikes of three neurons."""
    recorder = nest.Create("spike_recorder", params)
    parrots = nest.Create("parrot_neuron", 3)
    nest.Connect(nest.Create("poisson_generator", {"rate": 500.0}), parrots)
    nest.Connect(parrots, recorder)
    nest.Simulate(50.0)
    return recorder


def test_offers_what_pynest_offers() -> None:
    assert OURS.keys() == set(NESTS.__all__)
    for name, function in OURS.items():
        assert function.__name__ == name
        assert function.__doc__
        ours = [*inspect.signature(function).parameters][:1]
        assert ours == [*inspect.signature(getattr(NESTS, name)).parameters][:1]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sel": [2, 4]},
        {"hist": False},
        {"hist": False, "grayscale": True, "xlabel": "when"},
        {"hist_binwidth": 3.0, "grayscale": True, "title": "Title", "xlabel": "when"},
    ],
    ids=str,
)
def test_data_are_drawn_as_by_pynest(options: dict[str, Any], figure_of: Draw) -> None:
    theirs = picture(figure_of(NESTS.from_data, DATA, **options))
    assert picture(figure_of(OURS["from_data"], DATA, **options)) == theirs
    assert picture(figure_of(OURS["from_data"], DATA.tolist(), **options)) == theirs


@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("options", [{}, {"title": "Title", "hist_binwidth": 2.0}], ids=str)
def test_recorders_are_drawn_as_by_pynest(
    steps: bool, options: dict[str, Any], figure_of: Draw
) -> None:
    recorder = spiking(time_in_steps=steps)
    theirs = picture(figure_of(NESTS.from_device, recorder, **options))
    assert picture(figure_of(OURS["from_device"], recorder, **options)) == theirs


def test_the_dots_are_returned_and_their_axes_are_current() -> None:
    (line,) = OURS["from_data"](DATA)
    assert line.axes is plt.gca()
    assert line.get_xdata().tolist() == DATA[:, 1].tolist()


@pytest.mark.parametrize("name", ["from_file", "from_file_numpy", "from_file_pandas"])
def test_files_are_drawn_as_by_pynest(name: str, figure_of: Draw) -> None:
    (file,) = spiking(record_to="ascii").get("filenames")
    files = [file, shutil.copy(file, "copy.dat")]
    # PyNEST's other functions find pandas only after this one has.
    theirs = picture(figure_of(NESTS.from_file, files, sel=[3], title="Title"))
    ours = picture(figure_of(OURS[name], files, sel=[3], title="Title"))
    assert ours == theirs
    assert ours[0]["lines"][0][0]


def test_a_recorder_to_files_is_drawn_from_them(figure_of: Draw) -> None:
    recorder = spiking(record_to="ascii")
    theirs = picture(figure_of(NESTS.from_device, recorder))
    assert picture(figure_of(OURS["from_device"], recorder)) == theirs


def test_without_pandas_numpy_reads_the_files(
    monkeypatch: pytest.MonkeyPatch, figure_of: Draw
) -> None:
    (file,) = spiking(record_to="ascii").get("filenames")
    expected = picture(figure_of(OURS["from_file"], file))
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert picture(figure_of(OURS["from_file"], file)) == expected
    with pytest.raises(ImportError):
        OURS["from_file_pandas"](file)


@pytest.mark.parametrize("name", ["from_file_numpy", "from_file_pandas"])
def test_tables_without_heading_and_of_one_row_are_read(name: str, tmp_path: Path) -> None:
    table = tmp_path / "table.dat"
    table.write_text("2 1.5\n", encoding="utf-8")
    (line,) = OURS[name](str(table))
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([1.5], [2.0])
    (line,) = OURS[name]((table, table))
    assert line.get_xdata().tolist() == [1.5, 1.5]


def test_steps_in_files_are_called_steps() -> None:
    OURS["from_device"](spiking(record_to="ascii", time_in_steps=True), hist=False)
    assert plt.gca().get_xlabel() == "Steps"


def test_spikes_of_one_time_have_one_bin(figure_of: Draw) -> None:
    shown = figure_of(OURS["from_data"], [[2, 3.0], [4, 3.0]])
    (bar,) = shown.axes[1].patches
    assert (bar.get_x() + bar.get_width() / 2, bar.get_height()) == (3.0, 200.0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"time": [7.0]},
        {"time": [2.5, 12.5]},
        {"time": []},
        {"sel": [2]},
        {"sel": []},
        {"sel": [2, 3], "time": [2.0, 100.0]},
    ],
    ids=str,
)
def test_events_are_extracted_as_by_pynest(options: dict[str, Any]) -> None:
    theirs = NESTS.extract_events(DATA, **options)
    assert OURS["extract_events"](DATA, **options).tolist() == theirs.tolist()
    assert OURS["extract_events"](DATA.tolist(), **options).tolist() == theirs.tolist()


def test_nodes_are_selected_by_any_collection_of_ids() -> None:
    nodes = nest.Create("parrot_neuron", 3)
    for sel in (nodes[1:], np.array([2, 3]), {2, 3}):
        assert OURS["extract_events"](DATA, sel=sel)[:, 0].tolist() == [2, 3, 2, 2]
    assert len(OURS["extract_events"](DATA, sel=[9])) == 0
    assert len(OURS["extract_events"]([])) == 0


def test_what_cannot_be_drawn_is_refused_without_a_figure(tmp_path: Path) -> None:
    parrots = nest.Create("parrot_neuron", 2)
    recorders = nest.Create("spike_recorder", 2)
    recorders[1].record_to = "screen"
    heading = tmp_path / "heading.dat"
    heading.write_text("# NEST\n# backend\nsender\ttime_ms\n", encoding="utf-8")
    for name, argument, error, message in (
        ("from_data", [], ValueError, "No data to plot."),
        ("from_device", parrots[0], TypeError, "Please provide a 'spike_recorder'."),
        ("from_device", recorders, ValueError, "a single 'spike_recorder'"),
        ("from_device", recorders[0], ValueError, "No events recorded by 'spike_recorder'."),
        ("from_device", recorders[1], ValueError, "'record_to' is set to either"),
        ("from_file", 3, TypeError, "fname must be a str"),
        ("from_file", [], ValueError, "No data to plot."),
        ("from_file", str(heading), ValueError, "No data to plot."),
        ("from_file_numpy", [heading, heading], ValueError, "No data to plot."),
        ("from_file", "nowhere.dat", FileNotFoundError, "nowhere.dat"),
    ):
        with pytest.raises(error, match=message):
            OURS[name](argument)
    with pytest.raises(ValueError, match="No data to plot"):
        OURS["from_data"](DATA, sel=[9])
    with pytest.raises(TypeError, match="histogram"):
        OURS["from_data"](DATA, histogram=True)
    assert plt.get_fignums() == []


def test_a_recorder_whose_files_are_elsewhere_is_named() -> None:
    recorder = spiking(record_to="ascii")
    for file in recorder.get("filenames"):
        Path(file).unlink()
    with pytest.raises(FileNotFoundError, match=r"spike_recorder-1-0.dat here; .* where NEST runs"):
        OURS["from_device"](recorder)


def test_missing_matplotlib_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="plotting needs matplotlib, which is not installed here"):
        OURS["from_data"](DATA)
    assert len(OURS["extract_events"](DATA)) == len(DATA)
