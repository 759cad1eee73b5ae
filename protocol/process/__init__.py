"""Process: what a program knows of its environment, of other processes and of its connections.

core_dumps     forbids files with all memory of a process
environment    typed access to environment variables
identity       pid and start time, signals, children that die with their parent
lease          how long the kernel keeps objects for a client that is silent
polling        waiting for a condition, with a deadline
ready_pipe     report to the parent that a program serves
sd_notify      notify protocol of service managers
tcp_keepalive  socket options that notice a cut network
"""
