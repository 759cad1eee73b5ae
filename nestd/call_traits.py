"""Table of what each PyNEST call does to the kernel, and to those who keep facts about it.

Modules that treat some calls apart ask this table. A test holds the table complete over all names
that the allow list offers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    #: Lets ranks wait for each other inside NEST: a rank that raises alone leaves them waiting.
    communicates: bool = False
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
        return (
            self.builds
            or self.sets
            or self.draws
            or self.simulates
            or self.prepares
            or self.communicates
        )

    @property
    def writes_more(self) -> bool:
        """Return whether files may grow by the call, unlike by those that close them."""
        return self.writes_files and (self.simulates or self.prepares or self.reads)


def _words(text: str) -> list[str]:
    return text.split()


#: For calls that neither look at the kernel nor change it: they make or ask the caller's objects.
NOTHING = CallTraits()
_READS = CallTraits(reads=True)
_SETS = CallTraits(sets=True)
_BUILDS = CallTraits(builds=True)
#: A recorder's ``record_to``, ``label`` and ``n_events`` are parameters like others.
_SETS_NODES = CallTraits(sets=True, draws=True, takes_events=True, names_files=True)
_SETS_KERNEL = CallTraits(builds=True, sets=True, resets_time=True)
_SETS_PATHS = replace(_SETS_KERNEL, names_files=True)

_CALLS: dict[str, CallTraits] = {
    "Cleanup": CallTraits(communicates=True, keeps_delays=True, writes_files=True),
    "Connect": CallTraits(builds=True, draws=True),
    "CopyModel": CallTraits(builds=True, names_files=True),
    "Create": CallTraits(builds=True, draws=True, names_files=True),
    "DisableStructuralPlasticity": _SETS,
    "Disconnect": _BUILDS,
    "DumpLayerConnections": CallTraits(reads=True, writes_files=True, names_files=True),
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
    "SynapseCollection.disconnect": _BUILDS,
    "SynapseCollection.set": CallTraits(sets=True, draws=True),
    "SyncProcesses": CallTraits(communicates=True),
    "TripartiteConnect": CallTraits(builds=True, draws=True),
    "help": CallTraits(names_files=True),
    "set": _SETS_PATHS,
    "set_verbosity": _SETS,
}

#: Calls that only read.
_READING = _words("""
    ConnectionRules Displacement Distance FindCenterElement FindNearestElement GetConnections
    GetDefaults GetKernelStatus GetLocalNodeCollection GetLocalVPs GetNodes GetPosition
    GetSourceNodes GetSourcePositions GetStatus GetTargetNodes GetTargetPositions Mask.Inside Models
    NodeCollection NodeCollection.get NodeCollection.spatial NodeCollection.text NumProcesses
    PrintNodes Rank SelectNodesByMask SynapseCollection.distance SynapseCollection.get
    Receptors Compartments get get_verbosity
""")

#: Calls that make, join or look into objects of the caller and leave the kernel alone.
_PLAIN = _words("""
    CollocatedSynapses CreateMask CreateParameter message
    Mask.and Mask.or Mask.sub
    NodeCollection.index NodeCollection.join NodeCollection.size NodeCollection.slice
    NodeCollection.take NodeCollection.tolist
    Parameter.add Parameter.eq Parameter.ge Parameter.gt Parameter.is_spatial Parameter.le
    Parameter.lt Parameter.mul Parameter.ne Parameter.neg Parameter.pow Parameter.sub
    Parameter.truediv
    SynapseCollection.size SynapseCollection.slice SynapseCollection.take
    logic.conditional math.cos math.exp math.max math.min math.redraw math.sin
    random.exponential random.lognormal random.normal random.uniform random.uniform_int
    spatial.distance spatial.distance.n spatial.distance.x spatial.distance.y spatial.distance.z
    spatial.free spatial.grid
    spatial.pos.n spatial.pos.x spatial.pos.y spatial.pos.z
    spatial.source_pos.n spatial.source_pos.x spatial.source_pos.y spatial.source_pos.z
    spatial.target_pos.n spatial.target_pos.x spatial.target_pos.y spatial.target_pos.z
    spatial_distributions.exponential spatial_distributions.gabor spatial_distributions.gamma
    spatial_distributions.gaussian spatial_distributions.gaussian2D
""")

#: Kernel attributes; a build of NEST reports some of them only.
ATTRIBUTES = frozenset(
    _words("""
    T_max T_min adaptive_target_buffers biological_time buffer_size_spike_data
    buffer_size_target_data build_info connection_rules cycle_time_log data_path data_prefix
    dict_miss_is_error eprop_learning_window eprop_reset_neurons_on_update eprop_update_interval
    growth_curves growth_factor_buffer_target_data keep_source_table kernel_status
    local_num_threads local_spike_counter max_buffer_size_target_data max_delay max_num_syn_models
    max_update_time memory_size min_delay min_update_time ms_per_tic network_size node_models
    num_connections num_processes off_grid_spiking overwrite_files print_time recording_backends
    recv_buffer_size_secondary_events resolution rng_seed rng_type rng_types
    send_buffer_size_secondary_events spike_buffer_grow_extra spike_buffer_resize_log
    spike_buffer_shrink_limit spike_buffer_shrink_spare stimulation_backends
    structural_plasticity_synapses structural_plasticity_update_interval synapse_models tics_per_ms
    tics_per_step to_do total_num_virtual_procs update_time_limit use_compressed_spikes use_wfr
    userdict verbosity wfr_comm_interval wfr_interpolation_order wfr_max_iterations wfr_tol
    """)
)

#: Attributes with which files get other names.
_PATHS = frozenset(["data_path", "data_prefix"])

#: Name of a call or an attribute: what calling or reading it does.
TRAITS: dict[str, CallTraits] = (
    _CALLS
    | dict.fromkeys(_READING, _READS)
    | dict.fromkeys(_PLAIN, NOTHING)
    | dict.fromkeys(ATTRIBUTES, _READS)
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
        return _READS
    return TRAITS.get(call, NOTHING) if action in _PARTS_OF_CALLS else NOTHING
