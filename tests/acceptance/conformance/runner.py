"""``python -m tests.acceptance.conformance.runner``: runs an example by plain PyNEST in this
process.

Only what Python prints is kept, as by ``/exec``: what NEST itself says is no part of it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.acceptance.conformance.script import composed


def _fix_threads(threads: int) -> None:
    """Let NEST have ``threads`` virtual processes wherever it would have one."""
    import nest

    kernel = nest.ll_api.nestkernel
    reset, set_status = nest.ResetKernel, kernel.llapi_set_kernel_status

    def reset_kernel() -> None:
        reset()
        nest.local_num_threads = threads

    def set_kernel_status(params: dict[str, Any]) -> None:
        asked = ("local_num_threads", "total_num_virtual_procs")
        ones = {name for name in asked if params.get(name) == 1}
        set_status({name: threads if name in ones else value for name, value in params.items()})

    nest.local_num_threads = threads
    kernel.llapi_set_kernel_status = set_kernel_status
    # NEST's module refuses assignment.
    vars(nest)["ResetKernel"] = reset_kernel


def main() -> None:
    """Run the example; its output and drawings go to files, of each rank to its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("example", type=Path)
    parser.add_argument("into", type=Path, help="directory for the results")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    into = options.into / os.environ.get("OMPI_COMM_WORLD_RANK", "0")
    into.mkdir()

    import nest  # noqa: F401

    if options.threads > 1:
        _fix_threads(options.threads)
    source = options.example.read_text(encoding="utf-8")
    code = compile(composed(source, options.example, into / "drawn.npz"), "<source>", "exec")
    # The script is the main module, so that it can pickle what it defines.
    script = ModuleType("__main__")
    sys.modules["__main__"] = script
    # Both, in the order in which they are printed, as a server answers them.
    with (
        (into / "stdout").open("w", encoding="utf-8") as out,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        exec(code, vars(script))


if __name__ == "__main__":
    main()
