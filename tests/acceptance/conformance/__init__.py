"""NEST's own examples and tests, run by plain PyNEST and through a server, side by side."""
