"""Scripts: users' Python, run in processes of their own, without NEST and doubly confined.

=================== ==========================================================================
runner.py           runs one script at a time: waits for what happens, does what is decided
script_process.py   state machine of one script: events, instructions, the caller's answer
script_output.py    what a script has printed, up to a limit
results.py          encoder of what a script returns
failures.py         errors made of a script's exceptions
modules.py          setting NEST_SERVER_MODULES
settings.py         settings of scripts
process/            fork server and forked processes, seen from both ends
sandbox/            what confines a script: guards in Python, and limits of the system
=================== ==========================================================================
"""
