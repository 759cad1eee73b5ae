"""Rules of modules: which modules restricted scripts may see, and which of their names."""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Mapping
from typing import Any

from nest_remote.look_alike.import_paths import MODULES
from nestd.scripts.sandbox import numpy_memory, numpy_offer
from protocol.errors import ConfigurationError

FILES = "it reads or writes files"
MEMORY = "it reaches memory outside of arrays"
INTERNAL = "it is internal"
SYSTEM = "it changes the system's clock"
UNLISTED = (
    "it is not on the list of what scripts have of NumPy, which was made for versions "
    f"{numpy_offer.VERSIONS}"
)
ANOTHER_MODULE = "it is another module"
NOT_PUBLIC = "it is not of its public interface"
ANY_ATTRIBUTE = "it reads attributes without their guard"
EVALUATES = "it evaluates text as Python"
MACHINERY = "it belongs to NEST's machinery"
PLOTS = "it draws with matplotlib, which this server's NEST_SERVER_MODULES does not list"
#: Submodules of ``nest`` that draw.
PLOT_MODULES = frozenset(["raster_plot", "voltage_trace", "visualization"])

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
        ["random", "spatial", "spatial_distributions", "math", "logic", "NESTErrors", "lib"]
    ),
    **{
        f"nest.{package}": frozenset(
            path.removeprefix(f"{package}.") for path in MODULES if path.startswith(f"{package}.")
        )
        for package in ("lib", "random", "spatial", "spatial_distributions", "math", "logic")
    },
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
    "nest": dict.fromkeys(["ll_api", "hl_api", "pynestkernel", "server"], MACHINERY)
    | dict.fromkeys(PLOT_MODULES, PLOTS),
    "numpy": dict.fromkeys(
        str.split(
            """
            load save savez savez_compressed savetxt loadtxt genfromtxt fromregex fromfile memmap
            DataSource recfromcsv recfromtxt
            """
        ),
        FILES,
    )
    | dict.fromkeys(
        str.split(
            """
            lib ctypeslib recarray rec from_dlpack byte_bounds nditer nested_iters chararray
            compare_chararrays
            """
        ),
        MEMORY,
    )
    | dict.fromkeys(["bmat", "safe_eval"], EVALUATES)
    | dict.fromkeys(
        str.split(
            """
            core f2py testing distutils compat test info source lookfor who disp show_config
            show_runtime get_include deprecate deprecate_with_doc add_docstring add_newdoc
            add_newdoc_ufunc record set_string_function setbufsize getbufsize seterrobj geterrobj
            seterrcall geterrcall set_numeric_ops get_array_wrap fastCopyAndTranspose format_parser
            numarray oldnumeric kernel_version version typing emath tracemalloc_domain
            ALLOW_THREADS BUFSIZE UFUNC_BUFSIZE_DEFAULT UFUNC_PYVALS_NAME issubclass_ cast nbytes
            sctypeDict sctypes sctype2char maximum_sctype obj2sctype ModuleDeprecationWarning
            """
        ),
        INTERNAL,
    ),
    "numpy.ma": dict.fromkeys(["frombuffer", "fromflex", "mvoid", "mrecords"], MEMORY)
    | dict.fromkeys(["core", "extras"], INTERNAL),
    "numpy.char": dict.fromkeys(["chararray", "array", "asarray", "compare_chararrays"], MEMORY),
    "numpy.dtypes": {"StringDType": MEMORY},
    "numpy.polynomial": {"set_default_printstyle": INTERNAL},
    "numpy.random": {"test": INTERNAL, "mtrand": INTERNAL, "bit_generator": INTERNAL}
    | dict.fromkeys(["get_bit_generator", "set_bit_generator"], MEMORY),
    "collections": {"UserString": ANY_ATTRIBUTE},
    "time": dict.fromkeys(["pthread_getcpuclockid"], MEMORY)
    | dict.fromkeys(["clock_settime", "clock_settime_ns", "tzset"], SYSTEM),
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


def _deepcopy(value: Any) -> Any:
    """Copy an object as ``copy.deepcopy`` does, without a memo that has other parts for it."""
    return copy.deepcopy(value)


#: Dotted names of modules: what is shown in place of something of their own.
SUBSTITUTES: Mapping[str, Mapping[str, Any]] = {
    "numpy": {
        "ndarray": numpy_memory.Array,
        "frombuffer": numpy_memory.frombuffer,
        "frompyfunc": numpy_memory.frompyfunc,
    },
    "numpy.random": numpy_memory.random_functions(),
    "copy": {"deepcopy": _deepcopy},
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
