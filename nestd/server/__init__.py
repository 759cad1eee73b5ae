"""``nest-server``: starts kernel and gateway, keeps them up, stops and shows them.

__main__       the command, as ``python -m nestd.server``
cli            the command ``nest-server``
cli_options    options, exit codes and error reports that its subcommands share
mpi_cli        the command ``nest-server-mpi``: a server as one MPI job, without a supervisor
settings       frozen settings of one server, from flags and environment
instance       running servers of this user, one directory each
listeners      listening sockets, opened or kept by a service manager
background     the supervisor in the background
supervisor/    starts, watches and stops kernel and gateway
launch/        the command line of the kernel, alone or under an MPI launcher
banner         what the console shows when a server is ready, and when it has stopped
status_report  what ``nest-server status`` shows
http_probe     a request to a server, as its users send it
doctor/        checks of what a server needs
desktop_files  files of NEST Desktop
"""
