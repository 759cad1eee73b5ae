"""Random clients, faults and bytes, and an accounting of what became of it; ``scripts/soak``."""
