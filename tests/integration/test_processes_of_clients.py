"""Clients in several processes and threads: each call gets its own answer, and objects stay."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.servers import DEADLINE_S, Server

#: Connects a client of each kind as ``nest``, and knows how to run something in a forked child.
#: PyNEST's own warning about calls that the programs make.
DEPRECATED = "ignore:GetStatus() is deprecated:UserWarning"
_BEGIN = """
import os, pickle, sys, threading, traceback
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from urllib.parse import urlsplit
import nest_remote
from nest_remote import NESTServerError
from NESTServerClient import NESTServerClient

URL = sys.argv[1]
nest_remote.connect(URL)
nsc = NESTServerClient("127.0.0.1", urlsplit(URL).port)

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child

def ended(children):
    return [os.waitpid(child, 0)[1] for child in children]
"""

#: What a program does, and what it prints.
_PROGRAMS = {
    "processes that ask at the same time get their own values": (
        """
n = nest_remote.Create("iaf_psc_alpha", 4, {"I_e": [10.0, 20.0, 30.0, 40.0]})
m = nsc.NodeCollection(n.tolist())

def ask(index):
    for _ in range(100):
        assert n[index].I_e == 10.0 * (index + 1)
        assert nsc.GetStatus(m[index], "I_e") == (10.0 * (index + 1),)

children = [in_child(lambda index=index: ask(index)) for index in (1, 2, 3)]
ask(0)
print(ended(children))
""",
        "[0, 0, 0]",
    ),
    "forks while threads call": (
        """
n = nest_remote.Create("iaf_psc_alpha", 2, {"I_e": [10.0, 20.0]})
done = threading.Event()

def ask():
    while not done.is_set():
        assert n[0].I_e == 10.0
        assert nsc.GetStatus(n[0], "I_e") == (10.0,)

def ask_once():
    assert n[1].I_e == 20.0
    assert nsc.GetStatus(n[1], "I_e") == (20.0,)

with ThreadPoolExecutor() as pool:
    calling = [pool.submit(ask) for _ in range(4)]
    print(set(ended([in_child(ask_once) for _ in range(40)])))
    done.set()
print({call.exception() for call in calling})
""",
        "{0}\n{None}",
    ),
    "what a child drops is still its parent's": (
        """
n = nest_remote.Create("iaf_psc_alpha", 2)
uniform = nest_remote.random.uniform(2.0, 2.0 + 1e-9)
kept = nsc.Create("iaf_psc_alpha", 3)

def drop():
    global n, uniform, kept
    n = uniform = kept = None
    made = nest_remote.random.uniform().wire.id
    for _ in range(600):
        nest_remote.random.uniform()
        nsc.CreateParameter("constant", {"value": 1.0})
    # It releases its own.
    reference = nest_remote.random.uniform().wire
    try:
        nest_remote._module._session.call(
            "Parameter.GetValue", type(reference)("Parameter", made, reference.generation)
        )
    except nest_remote.NESTError as error:
        assert "was released" in str(error), error
    else:
        raise AssertionError("the child's objects were not released")

print(ended([in_child(drop)]))
print(n.V_m, round(uniform.GetValue(), 3), nsc.GetStatus(kept, "V_m"))
""",
        "[0]\n(-70.0, -70.0) 2.0 (-70.0, -70.0, -70.0)",
    ),
    "a pool of processes goes on after a refused call": (
        """
def refused(name):
    return nest_remote.Create(name)

def refused_by_client(name):
    return nsc.Create(name)

def batch(name):
    return nest_remote.batch([("Create", ["iaf_psc_alpha"]), ("Create", [name])])

with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
    for work in (refused, refused_by_client, batch):
        try:
            pool.submit(work, "no").result()
        except Exception as error:
            print(type(error).__name__, isinstance(error, nest_remote.NESTError), error)
            print(getattr(error, "index", None), getattr(error, "results", None))
    print(list(pool.map(nest_remote.GetDefaults, ["iaf_psc_alpha"] * 2, ["C_m", "V_th"])))
    for work in (nest_remote.Create, nsc.Create):
        try:
            pool.submit(work, "iaf_psc_alpha").result()
        except TypeError as error:
            print(error)
with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
    try:
        pool.submit(nest_remote.random.uniform).result()
    except ConnectionError as error:
        print(error)
    print(pool.submit(nest_remote.connect, URL).result())
    print(pool.submit(nest_remote.GetDefaults, "iaf_psc_alpha", "C_m").result())
""",
        "UnknownModelName True no is not a known model name.\nNone None\n"
        "NESTServerError False UnknownModelName in Create: no is not a known model name.\nNone ()\n"
        "UnknownModelName True no is not a known model name.\n"
        '1 ["<NodeCollection of NEST\'s kernel>"]\n'
        "[250.0, -55.0]\n"
        "a NodeCollection is a part of NEST's kernel and can't be pickled\n"
        "a client's functions can't be pickled: make a client in each process, there\n"
        'nest_remote is not connected: call nest_remote.connect("http://host:52425") first\n'
        "None\n250.0",
    ),
}


@pytest.mark.parametrize("what", _PROGRAMS)
def test_program_of_several_processes_or_threads(what: str, server: Server) -> None:
    source, expected = _PROGRAMS[what]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", DEPRECATED, "-c", _BEGIN + source, server.url],
        env=server.runtime.environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (expected, "")
