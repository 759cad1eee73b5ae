"""``python -m tests.acceptance.oracle``: runs every sequence and prints ``docs/oracle.md``."""

from __future__ import annotations

import inspect
import sys
from contextlib import ExitStack
from functools import partial

from tests.acceptance.oracle.asking import Ask
from tests.acceptance.oracle.known import BUFFERS, MEASURED, MEASURED_PREFIX
from tests.acceptance.oracle.nest_itself import DEMONSTRATIONS, shown
from tests.acceptance.oracle.sequences import SEQUENCES, Sequence, of_models
from tests.integration.servers import Runtime, Server, start_server

RANKS = (1, 2, 4)
#: Compared with plain PyNEST on as many ranks, by tests/mpi/test_oracle.py.
BY_TEST = {"EnableStructuralPlasticity", "DisableStructuralPlasticity"}

_HEAD = """\
# The oracle

This page is made by `scripts/oracle`, which runs everything on it and fails if a reply differs.

With the same number of virtual processes NEST computes the same, however many ranks they are
spread over. So the same requests go to three servers, with `total_num_virtual_procs` 4: one rank
with four threads, two with two, four with one each. Their replies, status and body, have to be
equal byte for byte. `tests/acceptance/oracle` has the sequences; `scripts/test` runs those that
are written by hand and a sample of the models.

## What may differ

| field or reply | why |
|---|---|
"""

_DEMONSTRATED = """
## Where NEST itself gives other numbers

Plain PyNEST, without any part of nestd, on four virtual processes split in the same three ways
(`tests/acceptance/oracle/nest_itself.py`).

| what | 1 x 4, 2 x 2, 4 x 1 | through nestd |
|---|---|---|
"""

_TABLE = """
## Sequences

| sequence | what it does | requests | refused | differing |
|---|---|---|---|---|
"""


def _first_line(sequence: Sequence) -> str:
    function = sequence.func if isinstance(sequence, partial) else sequence
    return (inspect.getdoc(function) or "").splitlines()[0]


def _demonstrated() -> list[str]:
    rows = []
    for demonstration, evened in DEMONSTRATIONS.items():
        found = [str(one) for one in shown(demonstration)]
        same = "equal" if len(set(found)) == 1 else "differ"
        what = " ".join((inspect.getdoc(demonstration) or "").split())
        rows.append(f"| {what} | {same} | {'equal' if evened else 'as NEST'} |")
    return rows


def _run(servers: list[Server]) -> tuple[list[str], int]:
    rows: list[str] = []
    failures = 0
    names = set(servers[0].get("/api").json()) - BY_TEST
    models = of_models(servers[0].call("node_models"), servers[0].call("synapse_models"))
    for name, sequence in {**SEQUENCES, **models}.items():
        ask = Ask(servers)
        ask.anew()
        try:
            sequence(ask)
        finally:
            ask.close()
        names -= ask.calls
        for difference in ask.differences:
            print(f"{name}: {difference}", file=sys.stderr)
        failures += len(ask.differences)
        print(f"==> {name}: {ask.asked} requests, {len(ask.differences)} differ", file=sys.stderr)
        rows.append(
            f"| {name} | {_first_line(sequence)} | {ask.asked} | {ask.refused} "
            f"| {len(ask.differences)} |"
        )
    if names:
        print(f"not asked: {', '.join(sorted(names))}", file=sys.stderr)
    return rows, failures + len(names)


def main() -> None:
    """Run all, print the page; the exit status says whether all replies were equal."""
    with ExitStack() as stack:
        servers = []
        for ranks in RANKS:
            runtime = Runtime()
            stack.callback(runtime.remove)
            servers.append(start_server(runtime, None, "-n", str(ranks)))
            stack.callback(servers[-1].stop)
        rows, failures = _run(servers)
    fields = {**MEASURED, f"{MEASURED_PREFIX}*": "wall times", **BUFFERS}
    may = [f"| `{name}` | {why} |" for name, why in fields.items()]
    may.append("| `ranks` of an error | says which ranks refused, if others did not |")
    print(_HEAD + "\n".join(may))
    print(_DEMONSTRATED + "\n".join(_demonstrated()))
    print(_TABLE + "\n".join(rows))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
