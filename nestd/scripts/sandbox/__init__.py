"""Sandbox of scripts: guards in Python, which explain what they refuse, and the system's limits.

=================== ==========================================================================
compile.py          compiles a restricted script, and makes its namespace
policy.py           the Python that a script may be written in, and where guards go
pattern_policy.py   the part of the policy for match statements
guards.py           guards of attributes, items, formats, classes and patterns
attribute_rules.py  which names and types the guards let through
module_proxy.py     proxies in place of modules
module_rules.py     which modules and which of their names are shown
numpy_memory.py     stand-ins for the ways into NumPy's memory
seccomp.py          filter of system calls
rlimits.py          resource limits
=================== ==========================================================================
"""
