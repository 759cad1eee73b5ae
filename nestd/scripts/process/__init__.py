"""Processes of scripts: a fork server has one ready before there is a script.

fork_client     nestd's end of the fork server
forked_process  nestd's ends of one forked process
control         control socket between nestd and the fork server
fork_server     the fork server itself
child           the forked process, which runs one script
reach           what the system leaves a script's process, by Landlock
transport       the script's PyNEST calls, over the socket to nestd
process_tree    processes below a process
environment     environment variables that the processes get
numpy_reseed    other random numbers in each forked process
"""
