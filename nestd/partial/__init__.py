"""Partial answers of ranks, and how they become one answer; nothing here imports NEST.

Each family has ``collect()``, what a rank does, beside ``merge()``, what rank 0 does.

answers         base classes, and their way between ranks
merging         one answer, or error, of those of all ranks; deferred changes
policies        tables of rules for fields, and these rules
nodes           values of nodes
connections     columns, order and changes of connections
positions       positions of nodes, and distances
spatial         calls about positions and neighbours
status          status of the kernel, defaults of models, virtual processes
slices          pauses of simulations, and new events meanwhile
ordering        canonical orders of events and rows
output_formats  forms in which PyNEST gives columns
docs            the page docs/merging.md, made from the tables
"""
