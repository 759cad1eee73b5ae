"""Partial answers of ranks, and how they become one answer; nothing here imports NEST.

A family is the calls whose answers are merged alike. ``nestd/kernel/partial_answers.py`` and
``partial_spatial.py`` call a class's ``collect()`` on each rank; ``merging`` calls its ``merge()``
on rank 0.

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
