"""Log of a server: one file of limited size, to which several programs write through pipes.

writer_process  process that writes the log, and why it is one
output_parser   events made of what NEST, Python and MPI print
nest_messages   what NEST prints about a call: warnings, and explanations of errors
log_file        file of limited size, to which several processes append
redirect        stdout and stderr of one rank, sent to the log
"""
