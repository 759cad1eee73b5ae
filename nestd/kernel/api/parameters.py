"""Kinds of the parameters of PyNEST's calls.

The kinds are an explicit table by name, with exceptions by call: PyNEST names its parameters
consistently, and guessing from values would make the meaning of a call depend on its data.
"""

from __future__ import annotations

from protocol.api_description import Kind

__all__ = ["ALIASES", "Kind", "kind_of"]

_BY_NAME: dict[str, Kind] = {
    "anchor": Kind.ANY,
    "conn_spec": Kind.SPEC,
    "conns": Kind.CONNECTIONS,
    "existing": Kind.STRING,
    "find_all": Kind.BOOLEAN,
    "from_arg": Kind.NODES_OR_POSITIONS,
    "keys": Kind.KEYS,
    "latency": Kind.NUMBER,
    "layer": Kind.NODES,
    "level": Kind.STRING,
    "local_only": Kind.BOOLEAN,
    "locations": Kind.ANY,
    "mask_obj": Kind.MASK,
    "masktype": Kind.STRING,
    "message": Kind.STRING,
    "model": Kind.STRING,
    "module_name": Kind.STRING,
    "mtype": Kind.STRING,
    "nc": Kind.NODES,
    "new": Kind.STRING,
    "node_collection": Kind.NODES,
    "nodes": Kind.NODES,
    "nodes_or_conns": Kind.NODES_OR_CONNECTIONS,
    "obj": Kind.STRING,
    "outname": Kind.STRING,
    "output": Kind.STRING,
    "parametertype": Kind.STRING,
    "port_name": Kind.STRING,
    "post": Kind.NODES,
    "pre": Kind.NODES,
    "properties": Kind.MAPPING,
    "return_synapsecollection": Kind.BOOLEAN,
    "return_text": Kind.BOOLEAN,
    "sel": Kind.STRING,
    "size": Kind.INTEGER,
    "source": Kind.NODES,
    "source_layer": Kind.NODES,
    "sources": Kind.NODES,
    "spatial_nc": Kind.NODES,
    "specs": Kind.MAPPING,
    "src_layer": Kind.NODES,
    "syn_model": Kind.STRING,
    "syn_spec": Kind.SPEC,
    "synapse_label": Kind.INTEGER,
    "synapse_model": Kind.STRING,
    "t": Kind.NUMBER,
    "target": Kind.NODES,
    "target_layer": Kind.NODES,
    "targets": Kind.NODES,
    "tgt_layer": Kind.NODES,
    "third": Kind.NODES,
    "third_factor_conn_spec": Kind.SPEC,
    "to_arg": Kind.NODES,
}

#: (call, parameter): where the name alone does not tell.
_BY_CALL: dict[tuple[str, str], Kind] = {
    ("Connect", "pre"): Kind.NODE_ARRAY,
    ("Connect", "post"): Kind.NODE_ARRAY,
    ("Create", "n"): Kind.COUNT,
    ("CopyModel", "params"): Kind.MAPPING,
    ("Disconnect", "args"): Kind.NODES_OR_CONNECTIONS,
    ("GetStatus", "more_keys"): Kind.KEYS,
    ("NodeCollection", "data"): Kind.NODES,
    ("NodeCollection.get", "params"): Kind.KEYS,
    ("SetKernelStatus", "params"): Kind.MAPPING,
    ("SynapseCollection.get", "keys"): Kind.KEYS,
    ("get", "args"): Kind.KEYS,
}

#: (call, another name of a parameter): the parameter. Clients use the names of older PyNEST.
ALIASES: dict[tuple[str, str], str] = {
    (call, alias): "nodes_or_conns"
    for call in ("GetStatus", "SetStatus")
    for alias in ("nodes", "conns", "nc")
}


def kind_of(call: str, parameter: str) -> Kind:
    """Return the kind of ``parameter`` of ``call``; :attr:`Kind.ANY` for those without a rule."""
    if (call, parameter) in _BY_CALL:
        return _BY_CALL[call, parameter]
    return _BY_NAME.get(parameter, Kind.ANY)
