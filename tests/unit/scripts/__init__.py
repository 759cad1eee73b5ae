"""Tests of the script runner's walls."""
