"""Access to NEST's own memory: for what PyNEST does not offer, or only slowly.

switch           turns all of it off (``NESTD_NATIVE=off``)
got_table        finds the table through which NEST's library calls its own functions
nest_patches     replaces functions in that table, so that slices of a simulation leave no trace
recorder_memory  copies recorded events from where NEST has them
connection_ids   reads the ends of connections out of PyNEST's objects
device_counts    sets counts of devices to zero, which NEST keeps across ResetKernel

Each mechanism names the versions of NEST that it knows. With any other version, with a library
that has no such table, and when switched off, PyNEST does the work. No other package of the
project reads or writes NEST's memory.
"""
