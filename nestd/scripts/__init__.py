"""The script runner: a process in which users' Python runs, without NEST and behind two walls."""
