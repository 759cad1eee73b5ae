"""Rules of modules: which modules restricted scripts may see, and which of their names."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any

from nestd.scripts.sandbox import numpy_memory
from protocol.errors import ConfigurationError

FILES = "it reads or writes files"
MEMORY = "it reaches memory outside of arrays"
INTERNAL = "it is internal"
ANOTHER_MODULE = "it is another module"
NOT_PUBLIC = "it is not of its public interface"
ANY_ATTRIBUTE = "it reads attributes without their guard"
EVALUATES = "it evaluates text as Python"
MACHINERY = "it belongs to NEST's machinery"
PLOTS = "it draws, and there is no screen here"

#: Modules of the standard library that have been reviewed. Its other modules are not shown.
STANDARD = frozenset(
    str.split(
        """
        math cmath random statistics itertools functools operator collections heapq bisect
        datetime time calendar decimal fractions numbers string re json copy textwrap
        """
    )
)

#: Packages of which only these submodules are shown.
SUBMODULES: Mapping[str, frozenset[str]] = {
    "nest": frozenset(
        ["random", "spatial", "spatial_distributions", "math", "logic", "NESTErrors"]
    ),
    "numpy": frozenset(
        str.split(
            """
            linalg fft random ma char strings dtypes exceptions polynomial polynomial.polynomial
            polynomial.chebyshev polynomial.legendre polynomial.hermite polynomial.hermite_e
            polynomial.laguerre
            """
        )
    ),
}

#: Dotted names of modules: public names that are not shown, and why.
HIDDEN: Mapping[str, Mapping[str, str]] = {
    "nest": dict.fromkeys(["ll_api", "hl_api", "pynestkernel", "lib", "server"], MACHINERY)
    | dict.fromkeys(["raster_plot", "voltage_trace", "visualization"], PLOTS),
    "numpy": dict.fromkeys(
        str.split(
            """
            load save savez savez_compressed savetxt loadtxt genfromtxt fromregex fromfile memmap
            DataSource
            """
        ),
        FILES,
    )
    | dict.fromkeys(["lib", "ctypeslib", "recarray", "rec", "from_dlpack", "byte_bounds"], MEMORY)
    | dict.fromkeys(["bmat", "safe_eval"], EVALUATES)
    | dict.fromkeys(
        str.split(
            """
            core f2py testing distutils compat test info source lookfor who disp show_runtime
            get_include deprecate deprecate_with_doc add_docstring add_newdoc add_newdoc_ufunc
            record set_string_function
            """
        ),
        INTERNAL,
    ),
    "numpy.ma": dict.fromkeys(["frombuffer", "mvoid", "mrecords"], MEMORY),
    "numpy.char": dict.fromkeys(["chararray", "array", "asarray"], MEMORY),
    "numpy.random": {"test": INTERNAL},
    "functools": {"update_wrapper": ANY_ATTRIBUTE},
    "operator": dict.fromkeys(["attrgetter", "methodcaller"], ANY_ATTRIBUTE),
    "string": {"Formatter": ANY_ATTRIBUTE},
    "scipy": dict.fromkeys(["io", "datasets"], FILES) | {"LowLevelCallable": MEMORY},
    "scipy.sparse": dict.fromkeys(["load_npz", "save_npz"], FILES),
    "pandas": {"eval": EVALUATES} | dict.fromkeys(["io", "ExcelFile", "HDFStore"], FILES),
}

#: Beginnings of the names of functions in other packages that read and write files.
FILE_PREFIXES = ("read_", "to_pickle")


def _wraps(wrapped: Any) -> Any:
    """Return ``functools.wraps(wrapped)``, without the choice of attributes to copy."""
    return functools.wraps(wrapped)


#: Dotted names of modules: what is shown in place of something of their own.
SUBSTITUTES: Mapping[str, Mapping[str, Any]] = {
    "numpy": {"ndarray": numpy_memory.Array, "frombuffer": numpy_memory.frombuffer},
    "functools": {"wraps": _wraps},
}


def check_module(name: str) -> None:
    """Raise ConfigurationError if restricted scripts can't be shown anything of the module."""
    package = name.partition(".")[0]
    if package in sys.stdlib_module_names and package not in STANDARD:
        raise ConfigurationError(
            f"{name} can't be given to restricted scripts: of the standard library they may have "
            f"{', '.join(sorted(STANDARD))}"
        )
