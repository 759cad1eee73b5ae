"""Program that prints what NEST, or mpi4py, of this environment can do, as JSON.

``python -m nestd.server.doctor.probe nest|mpi`` is a process, as an import may crash it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def nest_facts() -> dict[str, Any]:
    """Return the version of NEST, what NEST was built with, and the MPI libraries that it loads."""
    from nestd.kernel.pynest import nest

    built = nest.build_info
    facts = {name: bool(built[f"have_{name}"]) for name in ("mpi", "threads", "gsl")}
    return {"version": nest.__version__, **facts, "libraries": mpi_libraries()}


def mpi_facts() -> dict[str, Any]:
    """Return the version of the MPI of mpi4py, and the MPI libraries that it loads."""
    from nestd.ranks import mpi

    return {"version": mpi.library_version(), "libraries": mpi_libraries()}


def mpi_libraries() -> list[str]:
    """Return the paths of the MPI libraries that this process has loaded (proc(5), ``maps``)."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    paths = {line.split(maxsplit=5)[5] for line in maps.splitlines() if len(line.split()) > 5}
    return sorted(path for path in paths if Path(path).name.startswith(("libmpi.", "libmpich.")))


def main() -> None:
    """Print the facts that the only argument asks for."""
    facts = nest_facts() if sys.argv[1] == "nest" else mpi_facts()
    # NEST may have printed before.
    print(f"\n{json.dumps(facts)}")


if __name__ == "__main__":
    main()
