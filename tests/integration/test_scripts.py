"""POST /exec: what scripts get, what they leave behind, and how they are ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from protocol.process.identity import ProcessIdentity, identify
from protocol.process.polling import poll_until
from protocol.wire.unpack import Unpacker
from tests.integration.servers import (
    DEADLINE_S,
    OPEN,
    Runtime,
    Server,
    Start,
    serving,
)


@pytest.fixture(params=["restricted", "unrestricted"])
def either(request: pytest.FixtureRequest) -> Server:
    """A server with restricted and one with unrestricted scripts, each with an empty network."""
    name = "server" if request.param == "restricted" else "open_server"
    found: Server = request.getfixturevalue(name)
    return found


def run(server: Server, source: str, **more: Any) -> Any:
    """Run a script that succeeds; return its answer."""
    reply = server.post("/exec", {"source": source, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


def fail(server: Server, source: str) -> dict[str, Any]:
    """Run a script that fails; return its error."""
    reply = server.post("/exec", {"source": source})
    assert reply.status_code == 400, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_scripts_may_be_answered_in_messagepack(server: Server) -> None:
    wanted = {"source": "import numpy as np\nx = np.arange(3) * 0.5", "return": "x"}
    binary = server.post("/exec", wanted, headers={"Accept": "application/x-msgpack"})
    found = Unpacker().unpack(binary.content)["data"]
    assert (found.dtype.str, found.tolist()) == ("<f8", [0.0, 0.5, 1.0])


def test_output_is_in_order_from_wherever_it_comes(open_server: Server) -> None:
    source = """
import os, subprocess, sys
print("one")
print("two", file=sys.stderr)
os.write(1, b"three\\n")
subprocess.run(["echo", "four"])
os.write(2, b"five\\n")
def f():
    print("six", end="")
f()
"""
    assert run(open_server, source)["stdout"] == "one\ntwo\nthree\nfour\nfive\nsix"


def test_unprintable_output_and_values_arrive_in_some_form(open_server: Server) -> None:
    source = """
import os
print("\\ud800")
os.write(1, b"\\xff\\n")
class Odd:
    def __repr__(self):
        raise ValueError
a = [{1, 2}, b"x", 1j, float("nan"), {(1, 2): 3}, Odd(), 10**30, range(3), "\\ud800"]
a.append(a)
"""
    answer = run(open_server, source, **{"return": "a"})
    assert answer["stdout"] == "\\ud800\n\ufffd\n"
    expected = [[1, 2], {"$bytes": "eA=="}, {"real": 0.0, "imag": 1.0}, None, {"(1, 2)": 3}]
    expected += ["<Odd>", str(10**30), [0, 1, 2], "\\ud800", "\u2026"]
    assert answer["data"] == expected


def test_network_of_a_script_is_the_kernels(either: Server) -> None:
    source = """
import nest
neurons = nest.Create("iaf_psc_alpha", 3, {"I_e": 500.0})
recorder = nest.Create("spike_recorder")
nest.Connect(neurons, recorder)
nest.Simulate(100.0)
events = recorder.events
connections = nest.GetConnections()
"""
    names = ["neurons", "events", "connections", "recorder"]
    data = run(either, source, **{"return": names})["data"]
    assert data["neurons"] == [1, 2, 3]
    assert len(data["events"]["times"]) == len(data["events"]["senders"]) > 3
    assert data["connections"]["target"] == [4, 4, 4]
    assert either.call("GetStatus", [[4], "n_events"]) == [len(data["events"]["times"])]
    # The next script finds the network, too, but no variable of the last script.
    assert run(either, "import nest\nn = nest.network_size", **{"return": "n"}) == {"data": 4}
    assert "NameError" in fail(either, "neurons")["message"]


def test_scripts_leave_nothing_to_the_next(open_server: Server) -> None:
    changes = """
import builtins, os, sys, random
builtins.print = None
os.environ["LEFT"] = "behind"
sys.path.insert(0, "left")
sys.modules["left"] = sys
os.chdir("/")
"""
    run(open_server, changes)
    looks = """
import os, sys
left = [os.environ.get("LEFT"), "left" in sys.path, "left" in sys.modules, os.getcwd() == "/"]
print("still here")
"""
    answer = run(open_server, looks, **{"return": "left"})
    assert answer == {"data": [None, False, False, False], "stdout": "still here\n"}


def test_random_numbers_of_scripts_differ(either: Server) -> None:
    source = "import numpy as np\nx = [np.random.rand(), np.random.default_rng().random()]"
    one, other = (run(either, source, **{"return": "x"})["data"] for _ in range(2))
    assert len({*one, *other}) == 4


def test_libraries_that_import_nest_get_the_look_alike(open_server: Server, tmp_path: Path) -> None:
    (tmp_path / "lab_models.py").write_text(
        "import nest\nimport nest.random\nfrom nest import Create\n\n"
        "def build():\n"
        "    return Create('iaf_psc_alpha', 2, {'V_m': nest.random.uniform(1., 2.)})\n"
    )
    source = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport lab_models\n"
    source += "n = lab_models.build()\nv = n.V_m"
    data = run(open_server, source, **{"return": ["n", "v"]})["data"]
    assert data["n"] == [1, 2]
    assert all(1.0 <= v < 2.0 for v in data["v"])


def test_scripts_are_run_as_main_and_functions_can_be_inspected(open_server: Server) -> None:
    source = """
import inspect, pickle
class Point:
    x = 1
def f():
    return 1
if __name__ == "__main__":
    found = [inspect.getsource(f), pickle.loads(pickle.dumps(Point())).x]
"""
    data = run(open_server, source, **{"return": "found"})["data"]
    assert data == ["def f():\n    return 1\n", 1]


def test_threads_and_exit_functions_of_a_script_are_waited_for(open_server: Server) -> None:
    source = """
import atexit, threading
event = threading.Event()
def late():
    event.wait(10)
    print("thread")
threading.Thread(target=late).start()
atexit.register(print, "exit")
threading.Timer(0.05, event.set).start()
print("main")
"""
    assert run(open_server, source)["stdout"] == "main\nthread\nexit\n"


def test_objects_that_scripts_made_are_dropped_from_the_kernel(server: Server) -> None:
    source = "import nest\nfor _ in range(50):\n    p = nest.random.uniform()\n"
    source += "n = nest.Create('iaf_psc_alpha')\nc = nest.GetConnections()"

    def held() -> int:
        """Return the number of the next object, and so of all that were ever made."""
        reply = server.post("/api/Create", ["iaf_psc_alpha"], headers=binary)
        reference = Unpacker().unpack(reply.content)
        assert (
            server.post(
                "/release",
                [
                    {
                        "$ref": reference.id,
                        "type": "NodeCollection",
                        "generation": reference.generation,
                    }
                ],
            ).status_code
            == 200
        )
        number: int = reference.id
        return number

    binary = {"Accept": "application/x-msgpack"}
    before = held()
    run(server, source)
    after = held()
    assert after - before >= 52
    for number in range(before + 1, after):
        body = [
            {
                "$ref": number,
                "type": "Parameter",
                "generation": server.get("/").json()["generation"],
            }
        ]
        assert server.post("/api/Parameter.GetValue", body).json()["error"] == "StaleReference"


def in_background(server: Server, source: str) -> tuple[threading.Thread, list[Any]]:
    """Start a script; return its thread, and the list that its reply will be in."""
    replies: list[Any] = []

    def ask() -> None:
        own = Server(server.runtime, server.port, server.token)
        replies.append(own.post("/exec", {"source": source}))
        own.session.close()

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, replies


ENDLESS = [
    ("loop", "x = 1\nwhile True:\n    x = x + 1"),
    ("output", "x = 1\nwhile True:\n    print(x)"),
    ("one call", "x = 1\nx = x\n10 ** 10 ** 9"),
]


@pytest.mark.parametrize(("what", "source"), ENDLESS)
def test_endless_script_is_ended_within_a_second_and_the_network_is_there(
    either: Server, what: str, source: str
) -> None:
    either.call("Create", ["iaf_psc_alpha", 3])
    thread, replies = in_background(either, "print('begun')\n" + source)
    poll_until(lambda: either.get("/").json()["state"] == "busy", DEADLINE_S)
    other = Server(either.runtime, either.port, either.token)
    began = time.monotonic()
    poll_until(lambda: other.request("DELETE", "/exec").json()["ended"], DEADLINE_S)
    thread.join(DEADLINE_S)
    took_s = time.monotonic() - began
    other.session.close()
    assert replies[0].status_code == 400
    error = replies[0].json()
    assert error["error"] == "ScriptEnded"
    assert "its end was asked for" in error["message"]
    # The script may have been ended at any moment, even before its first line.
    line = error.get("lineNumber", 0)
    assert line <= 5
    assert line <= 1 or error["stdout"].startswith("begun\n")
    assert either.call("GetKernelStatus", ["network_size"]) == 3
    # A machine under load is slow; a script that has to wait for something takes for ever.
    assert took_s < 10.0


def test_others_are_answered_while_a_script_runs_and_their_calls_wait(server: Server) -> None:
    thread, _ = in_background(server, "while True:\n    pass")
    poll_until(lambda: server.get("/").json()["state"] == "busy", DEADLINE_S)
    assert server.get("/readyz").status_code == 200
    waiting, answers = [], []

    def create() -> None:
        own = Server(server.runtime, server.port, server.token)
        answers.append(own.call("Create", ["iaf_psc_alpha"]))
        own.session.close()

    for _ in range(3):
        waiting.append(threading.Thread(target=create))
        waiting[-1].start()
    assert poll_until(lambda: server.get("/").json()["waiting"] == 4, DEADLINE_S)
    poll_until(lambda: server.request("DELETE", "/exec").json()["ended"], DEADLINE_S)
    for asking in [thread, *waiting]:
        asking.join(DEADLINE_S)
    assert sorted(answers) == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("source", "line", "how"),
    [
        ("import os, signal\n\nos.kill(os.getpid(), signal.SIGKILL)", 3, "signal 9 (SIGKILL)"),
        ("import os\nos.abort()", 2, "signal 6 (SIGABRT)"),
        ("import os\nos._exit(7)", 2, "exit code 7"),
        ("import ctypes\nctypes.string_at(0)", 2, "signal 11 (SIGSEGV)"),
        ("import os\nos.execv('/bin/false', ['false'])", 2, "exit code 1"),
    ],
)
def test_death_of_a_script_is_an_error_with_reason_and_line(
    open_server: Server, source: str, line: int, how: str
) -> None:
    open_server.call("Create", ["iaf_psc_alpha", 3])
    error = fail(open_server, source)
    assert error["message"].startswith(f"the script was ended at line {line}: it ended with {how}")
    assert (error["lineNumber"], error["error"]) == (line, "ScriptEnded")
    assert open_server.call("GetKernelStatus", ["network_size"]) == 3
    assert run(open_server, "a = 1", **{"return": "a"}) == {"data": 1}


def has_ended(process: ProcessIdentity) -> bool:
    return not process.is_running()


def test_what_a_script_starts_ends_with_it(open_server: Server) -> None:
    source = """
import subprocess, os, time
reader, writer = os.pipe()
child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(writer, str(os.getpid()).encode())
        time.sleep(1000)
    os._exit(0)
pids = [child.pid, int(os.read(reader, 100))]
"""
    for pid in run(open_server, source, **{"return": "pids"})["data"]:
        process = identify(pid)
        assert process is None or poll_until(partial(has_ended, process), DEADLINE_S)


@pytest.mark.parametrize(
    ("source", "ended"),
    [
        ("import os\nos.close(1)\nos.close(2)\nx = sum(range(10 ** 6))", False),
        # Its connection is one of the first descriptors, whatever it is for.
        ("import os\nos.closerange(3, 100)\nwhile True:\n    pass", True),
    ],
)
def test_script_that_closes_what_is_not_its_own_harms_only_itself(
    open_server: Server, source: str, ended: bool
) -> None:
    reply = open_server.post("/exec", {"source": source})
    assert reply.status_code == (400 if ended else 200), reply.text
    assert run(open_server, "a = 1", **{"return": "a"}) == {"data": 1}


@pytest.mark.parametrize(
    ("killed", "reason"), [("getpid", "signal 9 (SIGKILL)"), ("getppid", "its process was lost")]
)
def test_simulation_ends_when_the_process_that_has_asked_for_it_does(
    open_server: Server, killed: str, reason: str
) -> None:
    server = open_server
    kill = f"lambda: os.kill(os.{killed}(), signal.SIGKILL)"
    source = (
        "import nest, os, signal, threading\nnest.Create('iaf_psc_alpha')\n"
        f"threading.Timer(0.3, {kill}).start()\nnest.Simulate(1e8)"
    )
    assert reason in fail(server, source)["message"]
    assert server.call("biological_time") > 0.0
    assert run(server, "a = 1", **{"return": "a"}) == {"data": 1}


def test_wall_time_is_limited_if_wanted(start: Start) -> None:
    server = start({"NEST_SERVER_EXEC_TIME_LIMIT_S": "1"})
    server.call("Create", ["iaf_psc_alpha", 3])
    error = fail(server, "print('a')\nx = 1\nwhile True:\n    x = x + 1")
    assert "it took longer than its limit of 1 s" in error["message"]
    assert error["lineNumber"] in (3, 4)
    assert error["stdout"] == "a\n"
    assert server.call("GetKernelStatus", ["network_size"]) == 3


@pytest.fixture(scope="module")
def limited(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server whose scripts may take little; the parameter turns the restriction off."""
    limits = {"MEMORY_MIB": "128", "OUTPUT_MIB": "1", "PROCESSES": "5", "OPEN_FILES": "32"}
    variables = {f"NEST_SERVER_EXEC_{name}": value for name, value in limits.items()}
    yield from serving({**variables, "NEST_SERVER_DISABLE_RESTRICTION": request.param})


@pytest.mark.parametrize("limited", ["0", "1"], indirect=True)
def test_memory_is_limited(limited: Server) -> None:
    error = fail(limited, "x = []\nwhile True:\n    x.append('a' * 10 ** 7)")
    assert error["error"] == "MemoryError"
    assert error["message"] == "MemoryError at line 3: out of memory (scripts may take 128 MiB)"
    error = fail(limited, "import numpy as np\nx = np.zeros(10 ** 9)\nx[:] = 1")
    assert error["lineNumber"] == 2
    assert "MemoryError" in error["error"]
    assert run(limited, "a = 1", **{"return": "a"}) == {"data": 1}


@pytest.mark.parametrize("limited", ["1"], indirect=True)
def test_processes_are_limited(limited: Server) -> None:
    limited.call("ResetKernel")
    limited.call("Create", ["iaf_psc_alpha", 3])
    source = "import os, time\nfor _ in range(50):\n    try:\n        pid = os.fork()\n"
    source += "    except OSError:\n        break\n    if pid == 0:\n        time.sleep(100)\n"
    source += "        os._exit(0)\ntime.sleep(100)"
    error = fail(limited, source)
    assert "processes, and may have 5" in error["message"]
    assert limited.call("GetKernelStatus", ["network_size"]) == 3
    assert run(limited, "a = 1", **{"return": "a"}) == {"data": 1}


def test_no_secret_and_nothing_of_mpi_is_in_a_scripts_process(start: Start) -> None:
    secret = "the-token-of-this-test"
    server = start(
        OPEN
        | {
            "NEST_SERVER_ACCESS_TOKEN": secret,
            "OMPI_COMM_WORLD_RANK_X": "1",
            "SLURM_JOB_ID_X": "1",
            "MY_API_KEY": secret,
            "LAB_PASSWORD": secret,
            "HARMLESS": "kept",
        }
    )
    source = "import os\ne = dict(os.environ)\np = open('/proc/self/environ').read()\n"
    source += "q = open(f'/proc/{os.getppid()}/environ').read()"
    data = run(server, source, **{"return": ["e", "p", "q"]})["data"]
    assert data["e"]["HARMLESS"] == "kept"
    text = str(data)
    assert secret not in text
    for name in ("NEST_SERVER", "OMPI_", "SLURM_", "API_KEY", "PASSWORD", "NESTD_RUNTIME_DIR"):
        assert name not in text
    loaded = "import sys\nm = sorted({n.partition('.')[0] for n in sys.modules})"
    modules = run(server, loaded, **{"return": "m"})["data"]
    assert {"mpi4py", "zmq", "flask", "httptools"}.isdisjoint(modules)


def test_scripts_are_off_where_anyone_could_send_them(start: Start) -> None:
    server = start({"NEST_SERVER_DISABLE_AUTH": "1"}, "-h", "0.0.0.0")
    reply = server.post("/exec", {"source": "a = 1", "return": "a"})
    assert (reply.status_code, reply.json()["error"]) == (403, "Refused")
    assert "NEST_SERVER_ENABLE_EXEC_CALL" in reply.json()["message"]
    assert server.get("/").json()["scripts"].startswith("off")


def test_wrong_modules_and_limits_are_said_at_the_start(runtime: Runtime) -> None:
    wrong = {"NEST_SERVER_MODULES": "import", "NEST_SERVER_EXEC_MEMORY_MIB": "lots"}
    done = runtime.run("start", "-d", env=wrong)
    assert done.returncode == 78
    assert "NEST_SERVER_MODULES" in done.stderr
    assert "NEST_SERVER_EXEC_MEMORY_MIB" in done.stderr
    done = runtime.run("start", "-d", env={"NEST_SERVER_MODULES": "nest,no_such_module"})
    assert done.returncode == 5
    assert "no_such_module" in done.stderr
