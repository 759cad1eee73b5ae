"""Environment variables that scripts' processes get of nestd's own."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Variables of MPI launchers and of this server, which locate the server and give access to it.
_OURS = re.compile(r"(NEST_|NESTD_|OMPI_|OPAL_|PMI|PRTE_|SLURM_|HYDRA_|I_MPI_|MPI|ZMQ_)")
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|API_?KEY|AUTH", re.IGNORECASE)
#: All variables that the processes of restricted scripts begin with.
_NEEDED = re.compile(r"(PATH|LANG|LC_.*|TZ|LD_LIBRARY_PATH|PYTHON.*|VIRTUAL_ENV|TMPDIR)$")


def script_environment(variables: Mapping[str, str], restricted: bool) -> dict[str, str]:
    """Return the environment of the processes that run scripts."""
    if restricted:
        kept = {name: value for name, value in variables.items() if _NEEDED.match(name)}
        # Libraries must not use threads: there are none after a fork, and none may be made. And
        # functions are bound now, not at their first call, which each fork would do again.
        return kept | {
            "MPLBACKEND": "agg",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "LD_BIND_NOW": "1",
        }
    others = {
        name: value
        for name, value in variables.items()
        if not _OURS.match(name) and not _SECRET.search(name)
    }
    # There is no screen, even where the server was started on one.
    return {"MPLBACKEND": "agg", **others}
