"""Scripts: users' Python, run in processes of their own, without NEST and doubly confined.

A script is ended by ``ScriptRunner.end`` (a cancel, a caller who hangs up, the server's end) or by
its time limit, of which there is none unless set; ``ForkServer._end`` in ``process/`` kills it.

runner          runs one script at a time: waits for what happens, does what is decided
script_process  state machine of one script: events, instructions, the caller's answer
script_output   what a script has printed, up to a limit
results         encoder of what a script returns
failures        errors made of a script's exceptions
modules         setting NEST_SERVER_MODULES
settings        settings of scripts
program/        a script as Python has it: name, end, workers, modules of its own
process/        fork server and forked processes, seen from both ends
sandbox/        what confines a script: guards in Python, and limits of the system
"""
