"""Tests of the confinement of processes that run NEST."""
