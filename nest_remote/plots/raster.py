"""Raster plots: a dot for every spike, and below them the rate over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nest_remote.plots.drawing import pyplot
from nest_remote.plots.nodes import node_ids
from nest_remote.plots.recordings import (
    Loader,
    file_names,
    files_of,
    read,
    with_numpy,
    with_pandas,
)
from protocol.wire.values import Array


def extract_events(
    data: Any, time: Sequence[float] | None = None, sel: Sequence[int] | None = None
) -> Array:
    """Return the events of some nodes in an interval of time.

    Parameters
    ----------
    data : events, shape (n, columns): node id, time, and whatever follows
    time : ``[t_max]`` or ``[t_min, t_max]``; events with t_min <= t < t_max are kept, where
        t_min is 0 if not given
    sel : ids of the nodes whose events are kept; all if not given

    Returns
    -------
    Events that fulfil both, shape (m, columns), in the order of ``data``.
    """
    events = np.asarray(data)
    if len(events) == 0:
        return events
    t_min, t_max = 0.0, math.inf
    if time is not None and len(time) > 0:
        t_max = time[-1]
        if len(time) > 1:
            t_min = time[0]
    kept = (t_min <= events[:, 1]) & (events[:, 1] < t_max)
    if sel is not None and len(sel) > 0:
        kept &= np.isin(events[:, 0], node_ids(sel))
    return events[kept]


def from_data(
    data: Any,
    sel: Sequence[int] | None = None,
    *,
    hist: bool = True,
    hist_binwidth: float = 5.0,
    grayscale: bool = False,
    title: str | None = None,
    xlabel: str | None = None,
) -> list[Any]:
    """Draw a raster plot of events in a new figure.

    Parameters
    ----------
    data : events, shape (n, 2): node id, time
    sel : ids of the nodes whose spikes are drawn as dots; all if not given. The histogram
        shows the rate of all nodes in ``data`` regardless.
    hist : also draw a histogram of the mean rate per node, in spikes/s
    hist_binwidth : width of its bins, in the unit of the times, ms
    grayscale : draw in black and gray
    title : of the plot; "Raster plot" if not given
    xlabel : of the axis of time; "Time (ms)" if not given

    Returns
    -------
    List of the one matplotlib line whose markers are the spikes.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    ValueError
        If there are no events, or none of the nodes in ``sel``.
    """
    if len(data) == 0:
        raise ValueError("No data to plot.")
    events = np.asarray(data)
    shown = extract_events(events, sel=sel)
    if len(shown) == 0:
        raise ValueError("No data to plot.")

    plt = pyplot()
    figure = plt.figure()
    xlabel = "Time (ms)" if xlabel is None else xlabel
    spikes = figure.add_axes((0.1, 0.3, 0.85, 0.6)) if hist else figure.add_subplot()
    lines: list[Any] = spikes.plot(shown[:, 1], shown[:, 0], ".k" if grayscale else ".")
    spikes.set_ylabel("Neuron ID")
    spikes.set_title("Raster plot" if title is None else title)
    if hist:
        spikes.set_xticks([])
        rates = figure.add_axes((0.1, 0.1, 0.85, 0.17))
        starts, heights = _rates(events, float(hist_binwidth))
        color = "gray" if grayscale else "blue"
        rates.bar(starts, heights, width=hist_binwidth, color=color, edgecolor="black")
        top = int(heights.max() * 1.1) + 5
        rates.set_yticks([int(tick) for tick in np.linspace(0.0, top, 4)])
        rates.set_ylabel("Rate (spks/s)")
        rates.set_xlabel(xlabel)
        rates.set_xlim(spikes.get_xlim())
    else:
        spikes.set_xlabel(xlabel)
    # What the caller draws next belongs to the spikes.
    plt.sca(spikes)
    plt.draw()
    return lines


def from_file(fname: Any, sel: Sequence[int] | None = None, **kwargs: Any) -> list[Any]:
    """Draw a raster plot of the events in one or several files, read by pandas if it is there.

    Parameters
    ----------
    fname : name of a file, or list or tuple of names; the files are taken as one. Columns are
        node id and time, with or without the heading that NEST writes.
    sel, kwargs : as of ``from_data``

    Raises
    ------
    TypeError
        If ``fname`` is something else.
    ImportError, OSError, ValueError
        As ``from_data``, or if a file can't be read.
    """
    try:
        import pandas  # noqa: F401
    except ImportError:
        return from_file_numpy(fname, sel, **kwargs)
    return from_file_pandas(fname, sel, **kwargs)


def from_file_pandas(fname: Any, sel: Sequence[int] | None = None, **kwargs: Any) -> list[Any]:
    """Draw as ``from_file`` does, with pandas reading the files."""
    return _from_file(fname, with_pandas, sel, kwargs)


def from_file_numpy(fname: Any, sel: Sequence[int] | None = None, **kwargs: Any) -> list[Any]:
    """Draw as ``from_file`` does, with NumPy reading the files."""
    return _from_file(fname, with_numpy, sel, kwargs)


def functions(nest: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions of PyNEST's ``nest.raster_plot``, for the kernel behind ``nest``."""

    def from_device(detec: Any, sel: Sequence[int] | None = None, **kwargs: Any) -> list[Any]:
        """Draw a raster plot of what a spike recorder has recorded.

        Parameters
        ----------
        detec : NodeCollection of one spike recorder, which records to memory or to ascii files
        sel, kwargs : as of ``from_data``

        Raises
        ------
        TypeError
            If ``detec`` is no spike recorder.
        ValueError
            If nothing has been recorded, or to neither of the two.
        ImportError, OSError
            If matplotlib is missing, or files can't be read from here.
        """
        if len(detec) != 1:
            raise ValueError("Please provide a single 'spike_recorder'.")
        if nest.GetDefaults(detec.get("model"), "type_id") != "spike_recorder":
            raise TypeError("Please provide a 'spike_recorder'.")
        record_to = detec.get("record_to")
        if record_to == "ascii":
            return from_file(files_of(detec), sel, **kwargs)
        if record_to != "memory":
            raise ValueError(
                "No data to plot. Make sure that 'record_to' is set to either 'ascii' or 'memory'."
            )
        events = detec.get("events")
        data = np.column_stack((events["senders"], events["times"]))
        if len(data) == 0:
            raise ValueError("No events recorded by 'spike_recorder'.")
        kwargs.setdefault("title", f"Raster plot from device '{detec.get('global_id')}'")
        kwargs.setdefault("xlabel", "Steps" if detec.get("time_in_steps") else "Time (ms)")
        return from_data(data, sel, **kwargs)

    return {
        "extract_events": extract_events,
        "from_data": from_data,
        "from_device": from_device,
        "from_file": from_file,
        "from_file_numpy": from_file_numpy,
        "from_file_pandas": from_file_pandas,
    }


def _from_file(
    fname: Any, load: Loader, sel: Sequence[int] | None, kwargs: dict[str, Any]
) -> list[Any]:
    recording = read(file_names(fname), load)
    if "time_step" in recording.names:
        kwargs.setdefault("xlabel", "Steps")
    return from_data(recording.rows, sel, **kwargs)


def _rates(events: Array, width_ms: float) -> tuple[Array, Array]:
    """Return the start of each bin of ``width_ms``, and the mean rate per node in it, in spikes/s.

    The last bin has all events from its start on, also one that ends it.
    """
    times = events[:, 1]
    first, last = times.min(), times.max()
    starts = np.arange(first, last, width_ms) if last > first else np.array([first])
    counts, _ = np.histogram(times, bins=np.append(starts, math.inf))
    nodes = len(np.unique(events[:, 0]))
    return starts, 1000.0 * counts / (width_ms * nodes)
