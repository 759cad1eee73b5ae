"""The long-running daemon that owns a NEST kernel, and the supervisor that keeps it up.

cli          the command ``nestd``: the daemon alone
startup      start of one rank: sockets, kernel, connection file, loop
settings     settings of a nestd process
data_room    files and room in the data directory
call_traits  table: what a PyNEST call does to the kernel
leases       leases of clients on kernel objects
file_names   names of files in the arguments of calls: where, and what they may be
extensions   extension modules of NEST that callers may load
master/      rank 0: takes commands, has the ranks execute them, and answers
ranks/       ranks of a kernel, and how they talk
partial/     partial answers of ranks, and how they become one answer
kernel/      NEST kernel of one rank
scripts/     scripts, run in processes of their own
broker/      file broker: a process that keeps files out of reach of NEST
confinement/ what processes that run NEST can reach, and how much memory they have
network/     sockets on a network
logs/        log of a server
server/      the command ``nest-server``
"""
