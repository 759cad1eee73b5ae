"""Voltage traces: membrane potentials over time, drawn in the current axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nest_remote.plots.drawing import pyplot
from nest_remote.plots.nodes import node_ids
from nest_remote.plots.recordings import file_names, files_of, read, with_numpy
from protocol.wire.values import Array


def from_file(fname: Any, title: str | None = None, grayscale: bool = False) -> list[Any]:
    """Draw the membrane potentials in one or several files.

    Parameters
    ----------
    fname : name of a file, or list or tuple of names; the files are taken as one. Columns are
        potentials of one neuron; or node id, potential; or node id, time in ms, potential. In
        files with the heading that NEST writes, the column ``V_m`` is the potential.
    title : of the plot; the names of the files if not given
    grayscale : draw in black

    Returns
    -------
    For each neuron a list of its one matplotlib line; for a single column, just that list.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    OSError, TypeError
        If a file can't be read, or ``fname`` names none.
    ValueError
        If there are no numbers, or more columns than can be told apart.
    """
    files = file_names(fname)
    recording = read(files, with_numpy)
    names, rows = recording.names, recording.rows
    if len(rows) == 0:
        raise ValueError("No data to plot.")
    if {"sender", "V_m"} <= set(names):
        time = "time_step" if "time_step" in names else "time_ms"
        rows = rows[:, [names.index(name) for name in ("sender", time, "V_m")]]
    columns = rows.shape[1]
    if columns > 3:
        raise ValueError(f"Inappropriate data shape {rows.shape}!")

    plt = pyplot()
    if columns == 1:
        print("INFO: only found 1 column in the file. Assuming that only one neuron was recorded.")
        lines: list[Any] = plt.plot(rows[:, 0], _style(grayscale))
    else:
        if columns == 2:
            print("INFO: found 2 columns in the file. Assuming them to be node ID, pot.")
        lines = []
        for node, own in _by_neuron(rows).items():
            times = own[:, 1] if columns == 3 else np.arange(len(own))
            lines.append(_draw(plt, node, times, own[:, -1], grayscale))
        plt.legend()
    if columns < 3:
        plt.xlabel("Time (steps of length interval)")
    else:
        plt.xlabel("Steps" if "time_step" in names else "Time (ms)")
    quoted = ", ".join(f"'{file}'" for file in files)
    plt.title(title or f"Membrane potential from file {quoted}")
    plt.ylabel("Membrane potential (mV)")
    plt.draw()
    return lines


def functions(nest: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions of PyNEST's ``nest.voltage_trace``, for the kernel behind ``nest``."""

    def from_device(
        detec: Any,
        neurons: Iterable[int] | None = None,
        title: str | None = None,
        grayscale: bool = False,
        timeunit: str = "ms",
    ) -> list[Any]:
        """Draw the membrane potentials that a voltmeter or multimeter has recorded.

        Parameters
        ----------
        detec : NodeCollection of one voltmeter, or one multimeter that records ``V_m``, to
            memory or to ascii files
        neurons : ids of the neurons to draw; all that were recorded if not given
        title : of the plot; "Membrane potential" if not given
        grayscale : draw in black
        timeunit : "ms" or "s", the unit of the axis of time; without meaning for a recorder
            that counts time in steps, and for files

        Returns
        -------
        For each neuron a list of its one matplotlib line.

        Raises
        ------
        TypeError
            If ``detec`` is another kind of node.
        ValueError
            If it is several nodes, doesn't record ``V_m``, has recorded nothing, or records to
            neither of the two.
        ImportError, OSError
            If matplotlib is missing, or files can't be read from here.
        """
        if len(detec) != 1:
            raise ValueError("Please provide a single 'voltmeter' or 'multimeter'.")
        type_id = nest.GetDefaults(detec.get("model"), "type_id")
        if type_id not in ("voltmeter", "multimeter"):
            raise TypeError("Please provide a 'voltmeter' or a 'multimeter' measuring V_m.")
        record_to = detec.get("record_to")
        record_from = [str(name) for name in detec.get("record_from")]
        if "V_m" not in record_from:
            raise ValueError("Please provide a 'multimeter' measuring 'V_m'.")
        if record_to != "memory" and len(record_from) > 1:
            raise ValueError(
                "Please provide a 'multimeter' measuring only 'V_m' or record to memory."
            )
        if record_to == "ascii":
            return from_file(files_of(detec), title, grayscale)
        if record_to != "memory":
            raise ValueError("Provided device neither records to ascii file nor to memory.")

        steps = bool(detec.get("time_in_steps"))
        unit = "s" if timeunit == "s" and not steps else "ms"
        traces = _recorded(detec.get("events"), 1000.0 if unit == "s" else 1.0)
        return _draw_all(traces, neurons, title, grayscale, "Steps" if steps else f"Time ({unit})")

    return {"from_device": from_device, "from_file": from_file}


def _recorded(events: dict[str, Any], unit_ms: float) -> dict[int, Array]:
    """Return each node's rows (id, time in units of ``unit_ms``, potential), shape (n, 3)."""
    # A recorder that nothing was connected to has no column V_m.
    if len(events["senders"]) == 0:
        raise ValueError("No events recorded.")
    # PyNEST draws with this precision, and who reads a plot's numbers gets the same.
    times = np.asarray(events["times"], np.float32) / np.float32(unit_ms)
    potentials = np.asarray(events["V_m"], np.float32)
    return _by_neuron(np.column_stack((events["senders"], times, potentials)))


def _by_neuron(rows: Array) -> dict[int, Array]:
    """Return each node's rows, in the order of first appearance. Column 0 of ``rows`` is the id."""
    ids, firsts, which = np.unique(rows[:, 0], return_index=True, return_inverse=True)
    by_id = np.argsort(which, kind="stable")
    parts = np.split(rows[by_id], np.cumsum(np.bincount(which))[:-1])
    return {int(ids[place]): parts[place] for place in np.argsort(firsts)}


def _draw_all(
    traces: dict[int, Array],
    neurons: Iterable[int] | None,
    title: str | None,
    grayscale: bool,
    xlabel: str,
) -> list[Any]:
    plt = pyplot()
    lines = []
    for node in traces if neurons is None else node_ids(neurons):
        if node in traces:
            own = traces[node]
            lines.append(_draw(plt, node, own[:, 1], own[:, 2], grayscale))
        else:
            print(f"INFO: Wrong ID: {node}")
    plt.title(title or "Membrane potential")
    plt.ylabel("Membrane potential (mV)")
    plt.xlabel(xlabel)
    if lines:
        plt.legend(loc="best")
    plt.draw()
    return lines


def _draw(plt: Any, node: int, times: Array, potentials: Array, grayscale: bool) -> Any:
    return plt.plot(times, potentials, _style(grayscale), label=f"Neuron {node}")


def _style(grayscale: bool) -> str:
    return "k" if grayscale else ""
