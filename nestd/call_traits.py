"""Table of what each PyNEST call does to the kernel, and to those who keep facts about it.

Modules that treat some calls apart ask this table. A test holds the table complete over all names
that the allow list offers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocol.harmless_calls import ATTRIBUTES, PLAIN, READING
from protocol.wire.messages import Action, Operation


@dataclass(frozen=True)
class CallTraits:
    """Traits of one PyNEST call."""

    #: Answers what the kernel holds.
    reads: bool = False
    #: Makes, removes or replaces nodes, connections, models or threads: how fast the network is
    #: simulated is unknown afterwards.
    builds: bool = False
    #: Changes values of what is there: parameters, defaults, settings.
    sets: bool = False
    #: Draws from NEST's random numbers, so what is drawn later differs.
    draws: bool = False
    #: Advances biological time, in slices.
    simulates: bool = False
    #: Sizes NEST's buffers by the shortest delay of all ranks.
    prepares: bool = False
    #: Lets ranks wait for each other inside NEST, at least after connections were made.
    communicates: bool = False
    #: Communicates, but no rank waits for one that raised: NEST raises on all ranks, or after they
    #: have met, or ``nestd/kernel/api/joint_calls.py`` lets the others go on.
    lets_others_finish: bool = False
    #: Leaves the extremes of delays as the ranks agreed on them, as NEST is not asked for them.
    keeps_delays: bool = False
    #: May take events away from recorders.
    takes_events: bool = False
    #: May set biological time, and with it the random numbers, back to the beginning.
    resets_time: bool = False
    #: Is refused by NEST between Prepare and Cleanup.
    needs_idle: bool = False
    #: Opens, writes or closes files of the server's host.
    writes_files: bool = False
    #: Has arguments that may name files, to be used now or by later calls; see ``file_names.py``.
    names_files: bool = False

    @property
    def changes_kernel(self) -> bool:
        """Return whether the kernel may be another one after the call."""
        return self.builds or self.sets or self.draws or self.simulates or self.prepares

    @property
    def strands_others(self) -> bool:
        """Return whether ranks wait inside NEST for one that raised."""
        return self.communicates and not self.lets_others_finish

    @property
    def writes_more(self) -> bool:
        """Return whether files may grow by the call, unlike by those that close them."""
        return self.writes_files and (self.simulates or self.prepares or self.reads)


#: For calls that neither look at the kernel nor change it: they make or ask the caller's objects.
NOTHING = CallTraits()
_READS = CallTraits(reads=True)
#: The ranks agree on the shortest delay, or exchange connections, positions or ids of nodes. The
#: status of the kernel has the shortest delay, and every attribute is read from the status.
_READS_TOGETHER = CallTraits(reads=True, communicates=True)
_SETS = CallTraits(sets=True)
_DISCONNECTS = CallTraits(builds=True, communicates=True, lets_others_finish=True)
_CONNECTS = replace(_DISCONNECTS, draws=True)
#: A recorder's ``record_to``, ``label`` and ``n_events`` are parameters like others.
_SETS_NODES = CallTraits(sets=True, draws=True, takes_events=True, names_files=True)
_SETS_KERNEL = CallTraits(builds=True, sets=True, communicates=True, resets_time=True)
_SETS_PATHS = replace(_SETS_KERNEL, names_files=True)

_CALLS: dict[str, CallTraits] = {
    "Cleanup": CallTraits(sets=True, communicates=True, keeps_delays=True, writes_files=True),
    "Connect": _CONNECTS,
    "CopyModel": CallTraits(builds=True, names_files=True),
    "Create": CallTraits(builds=True, draws=True, names_files=True),
    "DisableStructuralPlasticity": _SETS,
    "Disconnect": _DISCONNECTS,
    "DumpLayerConnections": replace(_READS_TOGETHER, writes_files=True, names_files=True),
    "DumpLayerNodes": CallTraits(reads=True, writes_files=True, names_files=True),
    "EnableStructuralPlasticity": _SETS,
    "Install": CallTraits(builds=True, needs_idle=True, names_files=True),
    "NodeCollection.set": _SETS_NODES,
    "Parameter.GetValue": CallTraits(draws=True),
    "Parameter.apply": CallTraits(reads=True, draws=True),
    "Prepare": CallTraits(prepares=True, communicates=True, needs_idle=True, writes_files=True),
    "ResetKernel": CallTraits(
        builds=True,
        sets=True,
        communicates=True,
        takes_events=True,
        resets_time=True,
        writes_files=True,
    ),
    "Run": CallTraits(simulates=True, communicates=True, keeps_delays=True, writes_files=True),
    "SetAcceptableLatency": _SETS,
    "SetDefaults": CallTraits(sets=True, names_files=True),
    "SetKernelStatus": _SETS_PATHS,
    "SetMaxBuffered": _SETS,
    "SetStatus": _SETS_NODES,
    "Simulate": CallTraits(
        simulates=True, prepares=True, communicates=True, needs_idle=True, writes_files=True
    ),
    "SynapseCollection.disconnect": _DISCONNECTS,
    "SynapseCollection.set": CallTraits(sets=True, draws=True),
    "SyncProcesses": CallTraits(communicates=True),
    "TripartiteConnect": _CONNECTS,
    "help": CallTraits(names_files=True),
    # A line in the log, of the caller's choice.
    "message": NOTHING,
    "set": _SETS_PATHS,
    "set_verbosity": _SETS,
}

#: Calls that read what no rank knows alone.
_TOGETHER = (
    "ConnectionRules",
    "GetConnections",
    "GetKernelStatus",
    "GetNodes",
    "GetSourceNodes",
    "GetSourcePositions",
    "GetTargetNodes",
    "GetTargetPositions",
    "Models",
    "SelectNodesByMask",
    "get",
    "get_verbosity",
)

#: Attributes with which files get other names.
_PATHS = frozenset(["data_path", "data_prefix"])

#: Name of a call or an attribute: what calling or reading it does.
TRAITS: dict[str, CallTraits] = (
    dict.fromkeys(READING, _READS)
    | dict.fromkeys(PLAIN, NOTHING)
    | dict.fromkeys(ATTRIBUTES, _READS_TOGETHER)
    | dict.fromkeys(_TOGETHER, _READS_TOGETHER)
    | _CALLS
)

#: Actions between ranks that do a part of what the call does.
_PARTS_OF_CALLS = (Action.COMMIT, Action.RESUME, Action.ABORT)


def traits_of(operation: Operation) -> CallTraits:
    """Return the traits of an operation; of a name that is not offered, none."""
    action, call = operation.action, operation.call
    # Most operations are calls; the hash of an enum's member costs more than a comparison.
    if action is Action.CALL_JSON or action is Action.CALL_PYNEST:
        return TRAITS.get(call, NOTHING)
    if action is Action.SET:
        return _SETS_PATHS if call in _PATHS else _SETS_KERNEL
    if action is Action.GET:
        return _READS_TOGETHER
    return TRAITS.get(call, NOTHING) if action in _PARTS_OF_CALLS else NOTHING
