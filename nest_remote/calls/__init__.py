"""Calls that are more than one request and reply.

batch         several calls in one request
blocking      requests that show progress and end on Ctrl-C
files         files that NEST has written, brought to this machine
loop          steps of a closed loop, each in one request
jobs          calls and scripts that run while no caller waits
progress      progress of a simulation, as the server reports it
progress_bar  its bar on a terminal or in a notebook
"""
