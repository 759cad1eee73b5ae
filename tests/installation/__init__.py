"""NEST with MPI as ``scripts/install-nest-mpi`` installs it, in an environment of its own."""
