"""Calls that make NEST write where it should not: each is a list of calls, with their arguments.

``@home@`` and the like stand for places, see :class:`tests.system.attacks.targets.Target`.
"""

from __future__ import annotations

from typing import Any

Calls = list[tuple[str, Any]]

LAYER: tuple[str, Any] = (
    "Create",
    {
        "model": "iaf_psc_alpha",
        "positions": {"$call": "spatial.grid", "args": [[2, 2]]},
    },
)
ASCII = {"record_to": "ascii"}


def recorded(params: Any, *before: tuple[str, Any], model: str = "multimeter") -> Calls:
    """Calls that record a neuron with a recorder of ``params``."""
    made = ("Create", [model, 1, params])
    ends = [[2], [1]] if model == "multimeter" else [[1], [2]]
    return [*before, ("Create", ["iaf_psc_alpha"]), made, ("Connect", ends), ("Simulate", [5.0])]


def later(name: str, body: Any, first: Any = None) -> Calls:
    """Calls that change a recorder after it was made."""
    calls = recorded(first)
    return [*calls[:-1], (name, body), calls[-1]]


def kernel(**params: Any) -> tuple[str, Any]:
    """Call that sets parameters of the kernel."""
    return ("SetKernelStatus", [params])


#: Recorders whose files lie elsewhere.
RECORDERS: dict[str, Calls] = {
    "label with an absolute path": recorded(ASCII | {"label": "@home@/x"}),
    "label that leads up": recorded(ASCII | {"label": "@up@/x"}),
    "label of a spike recorder": recorded(ASCII | {"label": "@up@/x"}, model="spike_recorder"),
    "label of a spin detector": recorded(ASCII | {"label": "@up@/x"}, model="spin_detector"),
    "label of a weight recorder": [
        ("Create", ["weight_recorder", 1, ASCII | {"label": "@up@/x"}]),
        ("Simulate", [5.0]),
    ],
    "label by a list of dicts": recorded([ASCII | {"label": "@up@/x"}]),
    "label by a list of values": [
        ("Create", ["iaf_psc_alpha"]),
        ("Create", ["multimeter", 2, ASCII | {"label": ["x", "@up@/x"]}]),
        ("Simulate", [5.0]),
    ],
    "label by SetDefaults": recorded(
        None, ("SetDefaults", ["multimeter", ASCII | {"label": "@up@/x"}])
    ),
    "label by SetDefaults of one key": recorded(
        ASCII, ("SetDefaults", ["multimeter", "label", "@up@/x"])
    ),
    "label by SetDefaults with keywords": recorded(
        ASCII, ("SetDefaults", {"model": "multimeter", "params": {"label": "@up@/x"}})
    ),
    "label by CopyModel": [
        ("CopyModel", ["multimeter", "mine", ASCII | {"label": "@up@/x"}]),
        ("Create", ["iaf_psc_alpha"]),
        ("Create", ["mine"]),
        ("Connect", [[2], [1]]),
        ("Simulate", [5.0]),
    ],
    "name of a copied model": [
        ("CopyModel", ["multimeter", "@up@/x", ASCII]),
        ("Create", ["iaf_psc_alpha"]),
        ("Create", ["@up@/x"]),
        ("Connect", [[2], [1]]),
        ("Simulate", [5.0]),
    ],
    "label by SetStatus": later("SetStatus", [[2], ASCII | {"label": "@up@/x"}]),
    "label by SetStatus of one key": later("SetStatus", [[2], "label", "@up@/x"], ASCII),
    "label by SetStatus of a list": later("SetStatus", [[2], [ASCII | {"label": "@up@/x"}]]),
    "label by set": later("NodeCollection.set", {"args": [[2], ASCII | {"label": "@up@/x"}]}),
    "label by set with keywords": later(
        "NodeCollection.set", {"args": [[2]], "record_to": "ascii", "label": "@up@/x"}
    ),
    "record_to switched later": later("SetStatus", [[2], ASCII], {"label": "@up@/x"}),
    "label before a model is asked to write": [
        ("SetDefaults", ["multimeter", {"label": "@up@/x"}]),
        ("SetDefaults", ["multimeter", ASCII]),
        *recorded(None),
    ],
    "file extension that leads up": recorded(
        ASCII | {"label": "x", "file_extension": "/../../../../../../../@home@/x"},
        kernel(data_path="@home@/"),
    ),
    "data_path": recorded(ASCII, kernel(data_path="@home@")),
    "data_path as an attribute": recorded(ASCII, ("set", {"data_path": "@home@/.ssh"})),
    "data_path in the server's directory": recorded(ASCII, kernel(data_path="@server@")),
    "data_path in a directory of all": recorded(ASCII, kernel(data_path="/tmp")),
    "data_path in shared memory": recorded(ASCII, kernel(data_path="/dev/shm")),
    "data_prefix": recorded(ASCII, kernel(data_prefix="@up@/x")),
    "data_prefix with an absolute path": recorded(ASCII, kernel(data_prefix="@home@/x")),
    "data_prefix by set": recorded(ASCII, ("set", {"data_prefix": "@up@/x"})),
    "prefix and label that lead up together": recorded(
        ASCII | {"label": "/../@up@/x"}, kernel(data_prefix="..")
    ),
    "Prepare and Run": [
        *recorded(ASCII | {"label": "@up@/x"})[:-1],
        ("Prepare", []),
        ("Run", [5.0]),
        ("Cleanup", []),
    ],
    "names that survive a reset": [
        kernel(data_path="@home@", data_prefix="x"),
        ("ResetKernel", []),
        *recorded(ASCII),
    ],
    "names with line breaks": recorded(ASCII | {"label": "x\ny"}, kernel(data_path="@home@")),
    "quantities with line breaks": [
        kernel(data_path="@home@"),
        ("Create", ["multimeter", 1, ASCII | {"record_from": ["V_m", "\nssh-ed25519 AAAA\n"]}]),
        ("Simulate", [5.0]),
    ],
    "quantities with line breaks as a default": [
        ("SetDefaults", ["multimeter", ASCII | {"record_from": ["V_m\n#!/bin/sh\n"]}]),
        ("SetDefaults", ["multimeter", {"label": "@up@/x"}]),
        ("Create", ["multimeter"]),
        ("Simulate", [5.0]),
    ],
    "label that leads down and up": recorded(ASCII | {"label": ".ssh/../x"}),
    "label with an end in its middle": recorded(ASCII | {"label": "@up@/x\0y"}),
    "file that exists is cut": [
        kernel(data_path="@home@/.ssh", overwrite_files=True),
        *recorded(ASCII),
    ],
}

#: What nestd itself writes for callers.
DUMPS: dict[str, Calls] = {
    "nodes into the account's keys": [LAYER, ("DumpLayerNodes", [[1, 2, 3, 4], "@keys@"])],
    "nodes into a new file": [LAYER, ("DumpLayerNodes", [[1, 2, 3, 4], "@home@/new"])],
    "nodes into a path that leads up": [LAYER, ("DumpLayerNodes", [[1, 2, 3, 4], "@up@/new"])],
    "nodes by keywords": [
        LAYER,
        ("DumpLayerNodes", {"layer": [1, 2, 3, 4], "outname": "@bashrc@"}),
    ],
    "nodes into the token": [LAYER, ("DumpLayerNodes", [[1, 2, 3, 4], "@server@/token"])],
    "nodes into the connection file": [
        LAYER,
        ("DumpLayerNodes", [[1, 2, 3, 4], "@server@/connection.json"]),
    ],
    "nodes into a key that lets in": [
        LAYER,
        ("DumpLayerNodes", [[1, 2, 3, 4], "@server@/keys/authorized/x.pub"]),
    ],
    "nodes into a file of Python's start": [LAYER, ("DumpLayerNodes", [[1, 2, 3, 4], "@pth@"])],
    "connections": [
        LAYER,
        ("Connect", [[1, 2], [3, 4]]),
        (
            "DumpLayerConnections",
            [[1, 2, 3, 4], [1, 2, 3, 4], "static_synapse", "@keys@"],
        ),
    ],
    "connections by keywords": [
        LAYER,
        ("Connect", [[1, 2], [3, 4]]),
        (
            "DumpLayerConnections",
            {
                "source_layer": [1, 2, 3, 4],
                "target_layer": [1, 2, 3, 4],
                "synapse_model": "static_synapse",
                "outname": "@up@/new",
            },
        ),
    ],
}

#: What comes out or is loaded by a name.
READ: dict[str, Calls] = {
    "help with a path": [("help", ["@home@/notes", True])],
    "help with a path that leads up": [("help", ["@up@/notes", True])],
    "help by keywords": [("help", {"obj": "@home@/notes", "return_text": True})],
    "Install of a path": [("Install", ["@home@/lib/evil"])],
    "Install of a path with its ending": [("Install", ["@home@/lib/evil.so"])],
    "Install of a path that leads up": [("Install", ["@up@/lib/evil"])],
    "Install by keywords": [("Install", {"module_name": "@home@/lib/evil"})],
    "Install of a libtool archive": [("Install", ["@home@/lib/archive.la"])],
    "Install of an archive without its ending": [("Install", ["@home@/lib/archive"])],
    "Install from the working directory": [("Install", ["lib/evil"])],
    "Install of a dot and a name": [("Install", ["./lib/evil.so"])],
    "Install from shared memory": [("Install", ["/dev/shm/../..@home@/lib/evil"])],
    "Install after a change of the data directory": [
        kernel(data_path="@home@/lib"),
        ("Install", ["evil"]),
    ],
    "Install of the kernel's own descriptor": [("Install", ["/proc/self/cwd/lib/evil.so"])],
}
