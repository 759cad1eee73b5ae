"""Command line of the kernel, alone or under an MPI launcher.

launcher              the command line, with the options that the launcher needs
mpi_front             process beside rank 0 of ``nest-server-mpi``, with gateway and token
loopback_bind         program that becomes ``mpirun`` and holds it to the loopback
loopback_bind_keeper  process that changes the addresses ``mpirun`` binds
"""
