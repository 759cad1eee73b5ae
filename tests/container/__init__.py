"""The container: its image built step by step, and run, without a container engine."""
