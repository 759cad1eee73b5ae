"""The look-alike over HTTP: a PyNEST script becomes a remote one by its first two lines."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

import nest_remote
from nest_remote import NESTServerError
from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S, Server, free_port


def test_script_of_pynest_runs_remotely(nest: Any) -> None:
    nest.resolution = 0.2
    nest.rng_seed = 3
    neurons = nest.Create("iaf_psc_alpha", 20, {"V_m": nest.random.uniform(-70.0, -60.0)})
    neurons[:5].I_e = 400.0
    generator = nest.Create("poisson_generator", params={"rate": 20_000.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(generator, neurons, syn_spec={"weight": nest.random.normal(20.0, 1.0)})
    nest.Connect(neurons, recorder)
    with nest.RunManager():
        for _ in range(4):
            nest.Run(25.0)
    events = recorder.events
    assert len(events["times"]) == recorder.n_events > 20
    # Arrays are the caller's own.
    events["times"] -= 100.0
    assert events["times"].max() <= 0.0
    assert set(np.unique(events["senders"])) <= set(neurons.tolist())
    assert nest.resolution == 0.2
    assert len(nest.GetConnections(generator)) == 20


def test_errors_are_those_of_pynest(nest: Any) -> None:
    with pytest.raises(nest.NESTErrors.UnknownModelName, match=r"^no is not a known model name"):
        nest.Create("no")
    with pytest.raises(nest.NESTError):
        nest.Create("no")
    with pytest.raises(KeyError):
        nest.GetDefaults("iaf_psc_alpha", "no")
    with pytest.raises(AttributeError, match=r"ll_api can.t be offered: the low-level"):
        _ = nest.ll_api
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = nest.nope
    with pytest.raises(TypeError, match="a object can't be sent to NEST"):
        nest.Create("iaf_psc_alpha", params={"V_m": object()})


def test_documentation_of_functions_is_theirs(nest: Any) -> None:
    assert "Create one or more nodes" in nest.Create.__doc__
    assert {"Create", "resolution", "NodeCollection", "random"} <= set(dir(nest))
    assert "uniform" in dir(nest.random)
    assert {"connect", "Create"} <= set(dir(nest_remote))


def test_objects_are_let_go(nest: Any, server: Server) -> None:
    first = nest.random.uniform().wire.id
    for _ in range(600):
        nest.random.uniform()
    last = nest.random.uniform().wire
    assert last.id >= first + 600
    generation = server.get("/").json()["generation"]

    def held(number: int) -> bool:
        body = [{"$ref": number, "type": "Parameter", "generation": generation}]
        return server.post("/api/Parameter.GetValue", body).status_code == 200

    assert not held(first + 1)
    assert sum(map(held, range(first, last.id))) < 300


def test_nothing_works_before_it_is_connected() -> None:
    nest_remote.disconnect()
    with pytest.raises(ConnectionError, match="nest_remote is not connected: call"):
        nest_remote.Create("iaf_psc_alpha")
    with pytest.raises(ConnectionError):
        nest_remote.resolution = 0.2


def test_connecting_says_what_is_wrong(server: Server) -> None:
    with pytest.raises(NESTServerError, match="missing or wrong; it is taken from"):
        nest_remote.connect(server.url, token="wrong")
    port = free_port()
    why = f"no answer from http://127.0.0.1:{port}: Connection refused; is the server running?"
    with pytest.raises(NESTServerError, match=re.escape(why)) as caught:
        nest_remote.connect(f"http://127.0.0.1:{port}", token="x")
    # The caller's line, and this function's.
    assert len(caught.traceback) == 2
    for url in ("ftp://host", "http://", "http://host:port/"):
        with pytest.raises(ValueError, match="is no address of a server"):
            nest_remote.connect(url, token="x")


def test_lost_kernel_is_a_server_error_and_stale_objects_are_refused(start: Any) -> None:
    server = start()
    nest_remote.connect(server.url, token=server.token)
    neurons = nest_remote.Create("iaf_psc_alpha", 2)
    os.kill(server.connection_info()["pid"], signal.SIGKILL)

    def lost() -> str | None:
        try:
            neurons.get("V_m")
        except nest_remote.NESTError as error:
            return str(error)
        except NESTServerError:
            return None
        return None

    found = poll_until(lost, DEADLINE_S)
    assert found is not None
    assert "gone with its network" in found
    nest_remote.disconnect()


def test_it_needs_no_nest_and_libraries_that_import_nest_get_it(server: Server) -> None:
    script = f"""
import sys
for name in ("flask", "httptools", "zmq", "mpi4py", "RestrictedPython"):
    sys.modules[name] = None  # importing it raises ImportError
import nest_remote
nest_remote.connect("{server.url}")
nest_remote.install_as_nest()
import nest
import nest.random
from nest import Create
from nest.spatial import grid
layer = Create("iaf_psc_alpha", positions=grid([2, 2]), params={{"V_m": nest.random.uniform()}})
print(len(layer), layer.spatial["shape"], nest.__version__, nest.GetPosition(layer[0]))
nest_remote.disconnect()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=server.runtime.environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("4 [2 2] 3.10.0 [-0.25, 0.25]\n", "")


def test_plots_are_drawn_from_what_the_server_has(nest: Any) -> None:
    matplotlib.use("Agg")
    neurons = nest.Create("iaf_psc_alpha", 3, {"I_e": 500.0})
    recorder, meter = nest.Create("spike_recorder"), nest.Create("voltmeter")
    nest.Connect(neurons, recorder)
    nest.Connect(meter, neurons)
    nest.Simulate(50.0)
    nest.raster_plot.from_device(recorder)
    lines = nest.voltage_trace.from_device(meter)
    assert len(lines) == 3
    layer = nest.Create("iaf_psc_alpha", positions=nest.spatial.grid([3, 3]))
    assert nest.PlotLayer(layer).axes
    pyplot.close("all")
