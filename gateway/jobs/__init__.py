"""Jobs: what the kernel is asked for, seen, fetched and cancelled by name.

jobs        ``Jobs``: accepts jobs, shows them, waits for them, cancels them
reconciler  ``JobReconciler``: passes jobs on to their kernel, or ends those of a lost one
rules       decisions about jobs, without I/O: states, what becomes of a job
views       JSON views of jobs
"""
