"""Tests of scripts: their state, their processes and what confines them."""
