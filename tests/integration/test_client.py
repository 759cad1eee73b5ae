"""NESTServerClient against a real server, from a Python with and without NEST."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import requests

from nest_remote import NESTServerError
from NESTServerClient import NESTServerClient
from protocol.wire.unpack import Unpacker
from tests.integration.servers import DEADLINE_S, Server, free_port


def exact(server: Server, call: str, body: object) -> object:
    """The answer in the binary form, which keeps what JSON can't say."""
    reply = server.post(f"/api/{call}", body, headers={"Accept": "application/x-msgpack"})
    assert reply.status_code == 200, reply.text
    return Unpacker().unpack(reply.content)


def test_nest_errors_raise_with_their_name_and_message(nsc: NESTServerClient) -> None:
    with pytest.raises(NESTServerError, match="no_such_model") as caught:
        nsc.Create("no_such_model")
    assert caught.value.error_name == "UnknownModelName"
    assert "UnknownModelName" in caught.value.message
    assert caught.value.status == 400
    with pytest.raises(NESTServerError, match="NoSuchFunction") as caught:
        nsc.NoSuchFunction()
    assert caught.value.status == 404


def test_wrong_token_raises_and_says_so(server: Server) -> None:
    nsc = NESTServerClient("127.0.0.1", server.port, "wrong")
    with pytest.raises(NESTServerError, match="token is missing or wrong") as caught:
        nsc.ResetKernel()
    assert caught.value.status == 403
    nsc.close()


def test_missing_server_raises_and_names_its_address() -> None:
    port = free_port()
    nsc = NESTServerClient("127.0.0.1", port)
    with pytest.raises(NESTServerError, match=f"no answer from http://127.0.0.1:{port}") as caught:
        nsc.ResetKernel()
    assert caught.value.status == 0
    nsc.close()


def test_numpy_arguments_are_numbers_and_lists(nsc: NESTServerClient) -> None:
    neurons = nsc.Create("iaf_psc_alpha", np.int64(4), {"C_m": np.float64(200.0)})
    assert neurons.tolist() == [1, 2, 3, 4]
    currents = np.linspace(0.0, 0.3, 4)
    nsc.SetStatus(np.array(neurons), [{"I_e": current} for current in currents])
    assert nsc.GetStatus(neurons, "I_e") == tuple(currents)
    pre, post = np.array([1, 2, 2], dtype=np.uint64), np.array([4, 3, 4], dtype=np.int32)
    weights = np.array([1.5, 2.5, 3.5], dtype=np.float64)
    nsc.Connect(pre, post, "one_to_one", {"weight": weights, "delay": np.full(3, 1.0)})
    connections = nsc.GetConnections().get()
    found = zip(connections["source"], connections["target"], connections["weight"], strict=True)
    assert sorted(found) == [(1, 4, 1.5), (2, 3, 2.5), (2, 4, 3.5)]
    generator = nsc.Create(
        "spike_generator", params={"spike_times": np.arange(1.0, 4.0), "allow_offgrid_times": True}
    )
    assert nsc.GetStatus(generator, "spike_times")[0].tolist() == [1.0, 2.0, 3.0]


def test_infinities_arrive_exactly(server: Server, nsc: NESTServerClient) -> None:
    neurons = nsc.Create("iaf_psc_alpha", 2, {"V_min": -80.0})
    nsc.SetStatus(neurons, {"V_min": -math.inf})
    assert exact(server, "GetStatus", [neurons.tolist(), "V_min"]) == [-math.inf, -math.inf]
    nsc.SetStatus(neurons[:1], [{"V_th": np.inf}])
    assert exact(server, "GetStatus", [neurons.tolist(), "V_th"]) == [math.inf, -55.0]
    smallest = np.nextafter(1.0, 2.0)
    nsc.SetStatus(neurons[:1], {"I_e": smallest})
    assert nsc.GetStatus(neurons[:1], "I_e") == (smallest,)
    assert nsc.GetStatus(neurons, "V_th") == (math.inf, -55.0)


def test_kernel_attributes_are_read_by_calling_them(nsc: NESTServerClient) -> None:
    assert nsc.resolution() == 0.1
    assert nsc.biological_time() == 0.0
    nsc.SetKernelStatus({"resolution": 0.5})
    assert nsc.resolution() == 0.5
    assert "iaf_psc_alpha" in nsc.node_models()
    assert {"Create", "resolution"} <= set(dir(nsc))


def test_slices_of_nodes_are_nodes(nsc: NESTServerClient) -> None:
    neurons = nsc.Create("iaf_psc_alpha", 20)
    recorder = nsc.Create("spike_recorder")
    nsc.Connect(neurons[::10], recorder)
    assert nsc.GetConnections().source == [1, 11]
    # Lists of ids are nodes, too, as with clients that know nothing else.
    assert nsc.GetStatus([1, 11], "global_id") == (1, 11)
    assert nsc.GetStatus(recorder, "n_events")[0] == 0


def test_client_needs_no_nest_and_finds_the_token_of_the_users_own_server(server: Server) -> None:
    script = f"""
import sys
for name in ("nest", "flask", "httptools", "zmq", "mpi4py", "matplotlib", "RestrictedPython"):
    sys.modules[name] = None  # importing it raises ImportError
from NESTServerClient import NESTServerClient
nsc = NESTServerClient("localhost", {server.port})
print(nsc.Create("iaf_psc_alpha", 3).tolist(), nsc.GetKernelStatus("network_size"))
nsc.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=server.runtime.environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[1, 2, 3] 3\n", "")


def test_token_is_taken_from_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.token is not None
    monkeypatch.setenv("NEST_SERVER_ACCESS_TOKEN", server.token)
    nsc = NESTServerClient("127.0.0.1", server.port)
    assert nsc.Create("iaf_psc_alpha").tolist() == [1]
    nsc.close()
    assert requests.get(server.url, timeout=DEADLINE_S).status_code == 403


def test_arguments_that_can_not_be_sent_are_a_type_error(nsc: NESTServerClient) -> None:
    with pytest.raises(TypeError, match="Create"):
        nsc.Create("iaf_psc_alpha", params={"I_e": object()})


def test_scripts_are_run_and_give_values_and_output(nsc: NESTServerClient, tmp_path: Path) -> None:
    source = "import nest\nn = nest.Create('iaf_psc_alpha', 2)\nprint('made')\nm = [1, 2.5]"
    assert nsc.exec_script(source, "m") == {"data": [1, 2.5], "stdout": "made\n"}
    assert nsc.exec_script(source).get("data") is None
    found = nsc.exec_script(source, ["n", "m"])["data"]
    assert found["n"].tolist() == [5, 6]
    assert nsc.exec_script("a = 1", "a") == {"data": 1}
    (tmp_path / "script.py").write_text(source)
    assert nsc.from_file(str(tmp_path / "script.py"), "m")["data"] == [1, 2.5]


def test_failing_script_raises_with_line_trace_and_output(nsc: NESTServerClient) -> None:
    with pytest.raises(NESTServerError, match="ZeroDivisionError at line 2") as caught:
        nsc.exec_script("print('so far')\n1/0")
    error = caught.value
    assert (error.error_name, error.line, error.status) == ("ZeroDivisionError", 2, 400)
    assert error.output == "so far\n"
    assert 'File "<script>", line 2' in error.trace
