"""HTTP in front of nestd: authenticate, parse, send a command, wait, encode the reply."""
