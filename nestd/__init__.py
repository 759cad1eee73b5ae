"""The long-running daemon that owns a NEST kernel, and the supervisor that keeps it up."""
