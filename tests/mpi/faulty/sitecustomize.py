"""Makes rank 1 raise in a call, before NEST has it, once a test has sent the call's name.

Python imports this module when it starts, if a test has put its directory into ``PYTHONPATH``. The
name follows the word ``fault`` in the text of PyNEST's ``message``.
"""

from __future__ import annotations

import sys
from typing import Any


def _make_kernels_faulty() -> None:
    from nestd.ranks import startup

    start_kernel = startup.start_kernel

    def start_faulty_kernel(*args: Any) -> Any:
        kernel = start_kernel(*args)
        result, raising = kernel._result, [""]

        def fail(*args: Any, **kwargs: Any) -> None:
            raise ValueError("a fault of one rank")

        def faulty_result(entry: Any, target: Any, args: Any, *others: Any) -> Any:
            if entry.name == "message" and args[0].startswith("fault "):
                raising[0] = args[0].removeprefix("fault ")
            elif entry.name == raising[0]:
                raising[0] = ""
                target = fail if kernel.rank == 1 else target
            return result(entry, target, args, *others)

        kernel._result = faulty_result
        return kernel

    startup.start_kernel = start_faulty_kernel


if any(word.startswith("nestd.cli") for word in sys.orig_argv):
    _make_kernels_faulty()
