"""Import paths of PyNEST: the names that each of its modules has.

Programs import from the modules in which PyNEST defines its names, such as
``nest.lib.hl_api_types``. A test compares the tables with PyNEST.
"""

from __future__ import annotations

_DEFINED = {
    "lib.hl_api_connections": "Connect TripartiteConnect Disconnect GetConnections",
    "lib.hl_api_info": "GetStatus help SetStatus VerbosityLevel message get_verbosity "
    "set_verbosity",
    "lib.hl_api_models": "ConnectionRules CopyModel GetDefaults Models SetDefaults",
    "lib.hl_api_nodes": "Create GetLocalNodeCollection GetNodes PrintNodes",
    "lib.hl_api_parallel_computing": "NumProcesses Rank GetLocalVPs SetAcceptableLatency "
    "SetMaxBuffered SyncProcesses",
    "lib.hl_api_simulation": "Cleanup DisableStructuralPlasticity EnableStructuralPlasticity "
    "GetKernelStatus Install Prepare ResetKernel Run RunManager SetKernelStatus Simulate",
    "lib.hl_api_sonata": "SonataNetwork",
    "lib.hl_api_spatial": "CreateMask Displacement Distance DumpLayerConnections DumpLayerNodes "
    "FindCenterElement FindNearestElement GetPosition GetTargetNodes GetSourceNodes "
    "GetTargetPositions GetSourcePositions PlotLayer PlotProbabilityParameter PlotTargets "
    "PlotSources SelectNodesByMask",
    "lib.hl_api_types": "CollocatedSynapses Compartments CreateParameter Mask NodeCollection "
    "Parameter Receptors serialize_data SynapseCollection to_json",
    "random.hl_api_random": "exponential lognormal normal uniform uniform_int",
    "math.hl_api_math": "exp sin cos min max redraw",
    "logic.hl_api_logic": "conditional",
    "spatial.hl_api_spatial": "grid free pos source_pos target_pos",
    "spatial_distributions.hl_api_spatial_distributions": "exponential gaussian gaussian2D gamma "
    "gabor",
}

#: Module below ``nest``: names that it defines, and that ``import *`` gives.
DEFINED = {module: tuple(names.split()) for module, names in _DEFINED.items()}

_SHOWN = {
    "lib.hl_api_connection_helpers": "CollocatedSynapses Mask NodeCollection Parameter",
    "lib.hl_api_connections": "Create NumProcesses CollocatedSynapses Mask NodeCollection "
    "Parameter SynapseCollection",
    "lib.hl_api_info": "broadcast deprecated is_iterable load_help show_help_with_pager to_json",
    "lib.hl_api_models": "deprecated is_iterable is_iterable_not_str GetKernelStatus Parameter "
    "to_json",
    "lib.hl_api_nodes": "deprecated is_iterable NumProcesses Rank NodeCollection Parameter",
    "lib.hl_api_simulation": "is_iterable",
    "lib.hl_api_sonata": "GetDefaults Create GetKernelStatus SetKernelStatus Simulate "
    "NodeCollection",
    "lib.hl_api_spatial": "GetConnections is_iterable stringify_path NumProcesses Rank "
    "NodeCollection",
    "lib.hl_api_types": "is_iterable NumProcesses Rank GetKernelStatus",
    "random.hl_api_random": "CreateParameter",
    "logic.hl_api_logic": "CreateParameter",
    "spatial.hl_api_spatial": "DistanceParameter CreateParameter Parameter",
    "spatial_distributions.hl_api_spatial_distributions": "CreateParameter",
}

#: Module below ``nest``: names that it has from others.
SHOWN = {module: tuple(names.split()) for module, names in _SHOWN.items()}

#: Module below ``nest``, beside the packages above it.
MODULES = tuple(dict.fromkeys([*DEFINED, *SHOWN, "lib.hl_api_helper"]))

_HOMES = {
    name if module.startswith("lib.") else f"{module.partition('.')[0]}.{name}": module
    for module, names in DEFINED.items()
    for name in names
}


#: Dotted name of everything that PyNEST's modules define.
NAMES = tuple(_HOMES)


def home_of(name: str) -> str | None:
    """Return the module below ``nest`` that defines a dotted name; ``None`` for what is new."""
    return _HOMES.get(name)
