"""Sandbox of scripts: guards in Python, which explain what they refuse, and the system's limits.

compile          compiles a restricted script, and makes its namespace
policy           the Python that a script may be written in, and where guards go
pattern_policy   the part of the policy for match statements
guards           guards of attributes, items, formats, classes and patterns
attribute_rules  which names and types the guards let through
module_proxy     proxies in place of modules
module_rules     which modules and which of their names are shown
numpy_offer      the list of what scripts have of NumPy
numpy_memory     stand-ins for what NumPy believes without looking
seccomp          filter of system calls
rlimits          resource limits
"""
