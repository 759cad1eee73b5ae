"""Sessions: they end, go on, and go over to another server, with what a program has kept."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from nest_remote import NESTServerError
from NESTServerClient import NESTServerClient
from tests.integration.servers import DEADLINE_S, Server, free_port

_ENDED = "its session has ended|disconnected from http"


def test_ended_session_is_used_no_more(nest: Any) -> None:
    from nest_remote import Create

    nodes, made = nest.Create("iaf_psc_alpha", 2), nest.random.uniform()
    job = nest.submit("GetKernelStatus", "resolution")
    nest.disconnect()
    for use in (
        lambda: nodes.V_m,
        lambda: nodes[0].get("V_m"),
        lambda: made + 1.0,
        job.result,
    ):
        with pytest.raises(ConnectionError, match=_ENDED):
            use()
    for unconnected in (lambda: Create("iaf_psc_alpha"), lambda: nest.NodeCollection([1])):
        with pytest.raises(ConnectionError, match="is not connected: call"):
            unconnected()


def test_closed_client_is_used_no_more(server: Server) -> None:
    nsc = NESTServerClient("127.0.0.1", server.port, server.token)
    nodes = nsc.Create("iaf_psc_alpha", 2)
    nsc.close()
    for use in (nsc.ResetKernel, lambda: nodes.get("V_m"), nsc.jobs, nsc.files):
        with pytest.raises(ConnectionError, match=_ENDED):
            use()


def test_connecting_again_to_the_same_kernel_goes_on(nest: Any, server: Server) -> None:
    nodes, uniform = nest.Create("iaf_psc_alpha", 2), nest.random.uniform()
    kept = nest.NESTErrors.UnknownModelName
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        nest.connect(url, token=server.token)
        assert isinstance(nodes, nest.NodeCollection)
        assert nodes.V_m == (-70.0, -70.0)
        nest.Connect(nodes, nest.Create("iaf_psc_alpha"), syn_spec={"weight": uniform})
        with pytest.raises(kept):
            nest.Create("no")


def test_functions_go_over_to_another_server_and_objects_do_not(
    nest: Any, open_server: Server
) -> None:
    from nest_remote.random import uniform

    from nest_remote import Create

    nodes = Create("iaf_psc_alpha", 7)
    nest.connect(open_server.url)
    assert open_server.call("GetKernelStatus", ["network_size"]) == 0
    assert len(Create("iaf_psc_alpha", 2, {"V_m": uniform(-70.0, -60.0)})) == 2
    assert open_server.call("GetKernelStatus", ["network_size"]) == 2
    assert isinstance(nodes, nest.NodeCollection)
    for use in (
        lambda: nodes.V_m,
        lambda: nest.Connect(nodes, nodes),
        lambda: nodes[2:].set(V_m=1),
    ):
        with pytest.raises(ConnectionError, match=_ENDED):
            use()
    # Nothing was done there, and what is known here is known still.
    assert open_server.call("GetKernelStatus", ["num_connections"]) == 0
    assert np.array_equal(nodes, range(1, 8))


def test_failed_connecting_leaves_the_session(nest: Any) -> None:
    nodes = nest.Create("iaf_psc_alpha")
    with pytest.raises(NESTServerError):
        nest.connect(f"http://127.0.0.1:{free_port()}", token="x")
    assert nodes.V_m == -70.0


_IMPORTS = """
import importlib.util
import nest
import nest.lib.hl_api_types as types
from nest.lib.hl_api_connections import *
from nest.lib.hl_api_nodes import Create as make
from nest.lib.hl_api_types import NodeCollection, SynapseCollection
from nest.random import *
from nest.random.hl_api_random import normal as drawn
from nest.spatial import hl_api_spatial
from nest.lib.hl_api_helper import is_iterable
nodes = make("iaf_psc_alpha", 2, {"V_m": uniform(-70.0, -70.0 + 1e-9)})
Connect(nodes, nodes, "one_to_one", {"weight": drawn(2.0, 1e-9)})
found = [isinstance(nodes, NodeCollection), isinstance(GetConnections(), types.SynapseCollection)]
found += [round(sum(GetConnections().weight)), is_iterable(nodes), round(nodes[0].V_m)]
found += [importlib.util.find_spec(name) is not None for name in ("nest", "nest.lib.hl_api_nodes")]
found += [importlib.util.find_spec("nest.no") is None, nest.__file__.endswith("__init__.py")]
found += [hl_api_spatial.grid([2, 2]) is not None]
"""
_IMPORTED = [True, True, 4, True, -70, True, True, True, True, True]


def test_import_paths_of_pynest_are_those_of_scripts(server: Server, open_server: Server) -> None:
    body = {"source": _IMPORTS, "return": "found"}
    assert open_server.post("/exec", body).json()["data"] == _IMPORTED
    # Restricted scripts import names, and neither * nor importlib.
    names = {"hl_api_connections": "Connect, GetConnections", "random": "uniform"}
    source = _IMPORTS.replace("import importlib.util\n", "")
    for module, listed in names.items():
        source = source.replace(f"{module} import *", f"{module} import {listed}")
    source = "\n".join(line for line in source.splitlines() if "importlib" not in line)
    answer = server.post("/exec", {"source": source, "return": "found"}).json()
    assert answer["data"] == [*_IMPORTED[:5], True], answer


def test_import_paths_of_pynest_are_those_of_programs(server: Server) -> None:
    program = f"""
import nest_remote
nest_remote.connect("{server.url}")
nest_remote.install_as_nest()
{_IMPORTS}
print(found)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=server.runtime.environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{_IMPORTED}\n", "")
