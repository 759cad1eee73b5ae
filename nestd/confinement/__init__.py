"""Confinement of the processes that run NEST: what they can reach, by the system and not by Python.

kernel           confinement of a rank of nestd, which it enters before NEST and MPI begin
rules            rules of what such a process can reach
landlock         rules of files, of TCP, and of other processes (landlock(7))
capabilities     what root gives up
system_calls     calls that it can't make once it has started (seccomp(2))
probe            tries whether the system confines
memory           limit of a rank's memory, with which NEST raises MemoryError and goes on
module_search    directories that NEST searches for extension modules
spawner          starts nestd's helpers outside of the confinement
spawner_process  program that does so
"""
