"""Supervisor of a server: starts kernel and gateway, starts them again, stops them in order.

supervisor     loop that waits, reports events to the state and carries out its instructions
state          decisions, without I/O: events in, instructions out
events         events and instructions
shutdown       stages in which a server is stopped, as a table
restarts       delays between the starts of one program
components     commands and environments of kernel and gateway
child_process  one process of them
rank_exits     which rank of a kernel ended first, and how
liveness       signs of life of a kernel, for a watchdog
startup_error  the line that says why a program does not start
sd_service     messages to the service manager
signal_poll    one wait for signals and file descriptors
"""
