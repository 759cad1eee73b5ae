"""Processes of scripts: a fork server has one ready before there is a script.

=================== ==========================================================================
fork_client.py      nestd's end of the fork server
forked_process.py   nestd's ends of one forked process
control.py          control socket between nestd and the fork server
fork_server.py      the fork server itself
child.py            the forked process, which runs one script
transport.py        the script's PyNEST calls, over the socket to nestd
process_tree.py     processes below a process
environment.py      environment variables that the processes get
numpy_reseed.py     other random numbers in each forked process
=================== ==========================================================================
"""
