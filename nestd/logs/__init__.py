"""Log of a server: one file of limited size, to which several programs write through pipes.

writer_process  process that writes the log, and why it is one
output_parser   events made of what NEST, Python and MPI print
log_file        file of limited size, to which several processes append
redirect        stdout and stderr of one rank, sent to the log
"""
