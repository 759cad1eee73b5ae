"""Measures this server beside its peers and beside the floor, in turns; see scripts/bench."""
