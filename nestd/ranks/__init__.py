"""Ranks of a kernel, and how they talk.

transport    operations from rank 0 to all ranks, and their answers back
mpi          launchers, and MPI between the ranks
startup      start of a kernel on all ranks: both ends of what they exchange over MPI
heartbeat    signs between ranks on several hosts, which show a network that is cut
memory_errors  memory that is missing on ranks
cores        waiting of ranks and threads where there are few cores
large_pages  memory of NEST in large pages
secrets      environment of ranks without secrets
"""
