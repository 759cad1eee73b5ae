"""Each fault, what its caller is told, and how long that and the way back take."""
