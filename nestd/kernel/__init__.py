"""NEST kernel of one rank: the only part of the project that imports ``nest``.

api/             names that can be called, their parameters, and calls that differ from PyNEST's
native/          what is changed or read inside NEST's libraries
pynest           PyNEST, imported in a way fit for a server
kernel           execution of operations
encoding         values and partial answers of what PyNEST returns
objects          objects that callers hold references to
partial_answers  calls that no rank can answer alone
partial_spatial  such calls on spatial layers
connections      a rank's part of connections, used with rows of the whole
layers           spatial layers by node ids
node_location    ranks that nodes live on
recorders        recorders of the network
simulation       runs in slices
nest_errors      NEST's errors as errors of the protocol
"""
