"""Measures this server beside NEST Server 3.10, in one run, in turns; see scripts/bench."""
