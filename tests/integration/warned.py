"""Programs about which NEST or PyNEST warns, for one rank and several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from typing import Any

import nest_remote
from nestd.logs.output_parser import OutputParser
from tests.integration.servers import Server

_PAIR = 'a = nest.Create("iaf_psc_alpha", 20); b = nest.Create("iaf_psc_alpha", 2)\n'
_DELAYED = _PAIR + 'nest.Connect(a, b, syn_spec={"delay": 2.0})\n'

#: Name: program, of which every line is one that may be warned of.
PROGRAMS = {
    "no multiple": _DELAYED + "nest.Simulate(3.0)\n",
    "slices": _DELAYED + "nest.Simulate(8001.0)\n",
    "prepared": _DELAYED + "nest.Prepare()\nnest.Run(3.0)\nnest.Cleanup()\n",
    "after GetConnections": _PAIR
    + "nest.Connect(a, b)\nfound = nest.GetConnections()\nnest.Connect(a, b)\n",
    "many sources": _PAIR
    + 'nest.Connect(a, b, {"rule": "fixed_indegree", "indegree": 19, "allow_multapses": False})\n',
    "time": _PAIR + "nest.Simulate(1.0)\nnest.SetKernelStatus({'biological_time': 0.0})\n",
    "renamed": 'nest.Create("lin_rate_opn", 1, {"mean": 1.0})\n',
    "deprecated": _PAIR + 'nest.SetStatus(a, {"V_m": -60.0})\n',
    "deprecated get": _PAIR + 'nest.GetStatus(a, "V_m")\n',
    "nothing": _PAIR + "nest.Connect(a, b)\nfound = nest.GetConnections()\nnest.Simulate(3.0)\n",
}

_FILE = "program.py"
_RUNS = """
import json, sys, warnings
import nest
given = []
def note(message, category, filename, lineno, file=None, line=None):
    given.append(str(message).strip())
warnings.showwarning = note
warnings.simplefilter("always")
exec(compile(sys.argv[1], "program.py", "exec"))
print("\\n" + json.dumps(given))
"""


def plain(program: str) -> list[str]:
    """Return the texts of what plain PyNEST warns of, each once."""
    ran = subprocess.run(
        [sys.executable, "-c", _RUNS, program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYNEST_QUIET": "1", "OMP_NUM_THREADS": "1"},
    )
    parser = OutputParser()
    events = [event for line in ran.stderr.splitlines() for event in parser.add(line)]
    found = [event.message for event in [*events, *parser.flush()] if event.level == "warning"]
    python: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return [*dict.fromkeys([*found, *python])]


def by_client(server: Server, program: str) -> list[tuple[str, str, str, int]]:
    """Return text, category, file and line of what ``nest_remote`` warns of."""
    nest_remote.connect(server.url, token=server.token)
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            namespace: dict[str, Any] = {"nest": nest_remote, "__name__": "program"}
            exec(compile(program, _FILE, "exec"), namespace)
        return [
            (str(item.message), item.category.__name__, item.filename, item.lineno)
            for item in found
        ]
    finally:
        nest_remote.disconnect()


def check(server: Server, name: str) -> None:
    """Compare a program's warnings with plain PyNEST's; of its last call but for ``prepared``."""
    program = PROGRAMS[name]
    expected = plain(program)
    assert bool(expected) is (name != "nothing")
    found = by_client(server, program)
    assert [text for text, *_ in found] == expected
    lines = program.splitlines()
    warned = next((n for n, line in enumerate(lines, 1) if line == "nest.Run(3.0)"), len(lines))
    kind = "UserWarning" if name.startswith("deprecated") else "NESTWarning"
    assert {tuple(rest) for _, *rest in found} <= {(kind, _FILE, warned)}
