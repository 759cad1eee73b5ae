"""Names of PyNEST whose call or reading has no effect beyond its answer.

nestd's table of call traits is made of them. The gateway serves them to anyone who reaches it with
authentication off, and takes every other name for one with effects.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Calls that only read.
READING = _words("""
    ConnectionRules Displacement Distance FindCenterElement FindNearestElement GetConnections
    GetDefaults GetKernelStatus GetLocalNodeCollection GetLocalVPs GetNodes GetPosition
    GetSourceNodes GetSourcePositions GetStatus GetTargetNodes GetTargetPositions Mask.Inside Models
    NodeCollection NodeCollection.get NodeCollection.spatial NodeCollection.text NumProcesses
    PrintNodes Rank SelectNodesByMask SynapseCollection.distance SynapseCollection.get
    Receptors Compartments get get_verbosity
""")

#: Calls that make, join or look into objects of the caller and leave the kernel alone.
PLAIN = _words("""
    CollocatedSynapses CreateMask CreateParameter help
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
ATTRIBUTES = _words("""
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

HARMLESS = READING | PLAIN | ATTRIBUTES
