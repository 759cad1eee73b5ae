"""One rank's NEST kernel: the only part of the project that imports ``nest``."""
