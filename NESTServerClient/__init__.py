"""The client of NEST's documentation: every PyNEST function of a server, by its name.

>>> from NESTServerClient import NESTServerClient
>>> nsc = NESTServerClient()
>>> neurons = nsc.Create("iaf_psc_alpha", 1000)

client  the client
nodes   nodes that are lists of ids as well
"""

from nest_remote import NESTServerError, NESTWarning
from nest_remote.calls.jobs import Job
from nest_remote.calls.progress import Progress
from NESTServerClient.client import NESTServerClient

__all__ = ["NESTServerClient", "NESTServerError", "NESTWarning", "Job", "Progress"]
