"""Shows that long runs can be relied on; ``scripts/long-runs``."""
