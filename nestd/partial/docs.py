"""Page ``docs/merging.md``, made from the tables of ``nestd/partial/policies.py``.

``python -m nestd.partial.docs`` prints the page; ``scripts/merging-docs`` writes the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from nestd.partial import policies
from nestd.partial.policies import Policy

_HEAD = """\
# One answer of many ranks

This page is made from the tables in `nestd/partial/policies.py` by `scripts/merging-docs`.

Under MPI, NEST keeps each neuron on one rank, with the connections that end there, and devices on
all. Each rank therefore answers for its own part. nestd makes one answer of them, with the same
rules for one rank as for many: whatever their number, a caller sees one NEST. With the same
`total_num_virtual_procs`, NEST also computes the same on any number of ranks.

A field that no rule covers and that differs between ranks is an error, status 500, that names the
call, the field and the ranks. `?ranks=all` on any call gives what each rank said instead of one
answer: a list of `{"rank": 0, "value": …}`, or `{"rank": 1, "error": …, "message": …}`. Values of
the calls listed below are then partial answers, objects whose form may change between versions.

## Rules

| rule | the answer is |
|---|---|
"""

_CALLS = """
## Calls

All calls but these answer the same on every rank, which is checked.

| call | answer |
|---|---|
"""

_CALL_ROWS = [
    (
        "`GetStatus`, `NodeCollection.get`",
        "the nodes in the order asked for: one that lives on one rank with its values from there, "
        "one that is on all ranks (a device) by the table of fields",
    ),
    (
        "`GetConnections`, `SynapseCollection.get`, `GetStatus` of connections",
        "the connections of all ranks in the order of synapse id, source, target and port, or in "
        "the order in which the caller named them",
    ),
    (
        "`SynapseCollection.distance`",
        "the distances of the connections of all ranks in that order, from the positions of all "
        "ranks, with NEST's own formulas",
    ),
    (
        "`SetStatus`, `SynapseCollection.set`, `Disconnect` of connections",
        "nothing; lists of values are as long as the whole, and a connection that no rank has is "
        "an error",
    ),
    ("`GetKernelStatus`, `get`, kernel attributes, `GetDefaults`", "by the tables of fields"),
    ("`GetLocalVPs`", "all virtual processes"),
    ("`GetNodes`, `GetLocalNodeCollection`", "all nodes: to a caller all are local"),
    ("`NumProcesses`, `Rank`", "1 and 0"),
    (
        "`DumpLayerNodes`, `DumpLayerConnections`",
        "one file with the lines of all ranks, in the order of their ids",
    ),
]
#: Calls that ``nestd/kernel/partial_spatial.py`` replaces, but for those above.
SPATIAL_CALLS = (
    "Displacement",
    "Distance",
    "FindCenterElement",
    "FindNearestElement",
    "GetPosition",
    "GetSourceNodes",
    "GetSourcePositions",
    "GetTargetNodes",
    "GetTargetPositions",
    "NodeCollection.spatial",
    "Parameter.apply",
)
_SPATIAL = "computed from the positions or connections of all ranks, with NEST's own formulas"

_GENERIC = """
## Fields of one process

A caller sees one process, which has all nodes, so these are constants for any number of ranks:
what depends on that number would make scripts depend on it.

| field | value |
|---|---|
"""

_TAIL = """
`local_num_threads` is the number of virtual processes, as if one process had them all as threads;
setting it sets `total_num_virtual_procs`. Both have to be multiples of the number of ranks. But
fewer of either than ranks, such as the one that NEST Desktop asks for, become one for each rank, as
no rank can do without; what NEST computes is then what one process computes with that many threads.

## Errors

| what happens | the answer is |
|---|---|
| every rank raises | the error of one process: of several the one about the lowest node |
| some ranks raise | the same, with `ranks`: those that raised |
| a rank raises while others wait for it inside NEST | 500 with NEST's name; kernel restarts |

An error of some ranks leaves what the others have done: a `SetStatus` of many nodes of which one is
refused may have set those of other ranks, where one process would have set those before it.
"""


def _rows(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"| {left} | {right} |\n" for left, right in pairs)


def _name(policy: Policy) -> str:
    return policy.name.lower().replace("_", " ")


def _fields(title: str, text: str, table: dict[str, Policy]) -> str:
    rows = _rows((f"`{field}`", _name(policy)) for field, policy in sorted(table.items()))
    return f"\n## {title}\n\n{text}\n\n| field | rule |\n|---|---|\n{rows}"


def page() -> str:
    """Return the text of ``docs/merging.md``."""
    calls = ", ".join(f"`{call}`" for call in SPATIAL_CALLS)
    return "".join(
        [
            _HEAD,
            _rows((_name(policy), policy.value) for policy in Policy),
            _CALLS,
            _rows([*_CALL_ROWS, (calls, _SPATIAL)]),
            _fields(
                "Fields of nodes on all ranks",
                "All others are identical.",
                policies.NODE_FIELDS,
            ),
            _fields(
                "Fields of connections",
                "All others are those of the rank that has the target.",
                policies.CONNECTION_FIELDS,
            ),
            _fields(
                "Fields of the kernel",
                "All others are identical, but those that begin with `time_`: wall time.",
                policies.KERNEL_FIELDS,
            ),
            _fields(
                "Fields of a model's defaults",
                "All others are identical.",
                policies.DEFAULT_FIELDS,
            ),
            _GENERIC,
            _rows(
                (f"`{field}`", f"`{json.dumps(value)}`")
                for field, value in sorted(policies.GENERIC.items())
            ),
            _TAIL,
        ]
    )


if __name__ == "__main__":
    print(page(), end="")
