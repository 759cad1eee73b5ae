"""Libraries for restricted scripts, loaded whole: later there are no files to load them from.

Modules load many of their parts when these are first used, and matplotlib reads fonts then.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nestd.scripts.modules import ModuleImport

#: Parts of packages that are for their developers, or begin a program.
_NOT_LOADED = frozenset(["tests", "testing", "conftest", "setup", "__main__", "_pyinstaller"])
#: Packages that are whole when they are imported.
_WHOLE = frozenset(["nest", "numpy"])


def load_whole(packages: Iterable[str]) -> None:
    """Load all parts of packages that are imported, and what these need at their first use."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        for name in set(packages) - _WHOLE - sys.stdlib_module_names:
            _load_parts(name)
            if name in _FIRST_USES:
                _FIRST_USES[name]()


def _load_parts(package: str) -> None:
    module = sys.modules[package]
    for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
        name = f"{package}.{found.name}"
        if found.name in _NOT_LOADED:
            continue
        # Some parts are for other systems, or need libraries that are not there.
        with contextlib.suppress(Exception, SystemExit):
            ModuleImport(name, None, package.partition(".")[0]).load()
            if found.ispkg:
                _load_parts(name)


def _use_matplotlib() -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.font_manager as fonts
    import matplotlib.pyplot as plt

    # Registers a projection.
    ModuleImport("mpl_toolkits.mplot3d", None, "mpl_toolkits").load()
    _keep_fonts(fonts)
    figure, axes = plt.subplots(2, 2, layout="constrained")
    axes[0, 0].semilogy([1, 10], label="$\\alpha_1$")
    axes[0, 0].legend(title="title")
    axes[0, 1].imshow([[1, 2], [3, 4]])
    axes[1, 0].hist([1, 2, 3])
    axes[1, 1].text(0.5, 0.5, "text", weight="bold", style="italic", family="monospace")
    figure.colorbar(axes[0, 1].images[0])
    figure.savefig(io.BytesIO(), format="png")
    plt.close("all")


def _keep_fonts(fonts: Any) -> None:
    """Keep matplotlib's own fonts in memory, and have it use these."""
    own = Path(sys.modules["matplotlib"].get_data_path())
    content = {str(path): path.read_bytes() for path in own.glob("fonts/ttf/*.ttf")}
    manager = fonts.fontManager
    manager.ttflist = [entry for entry in manager.ttflist if str(entry.fname) in content]
    made = fonts.ft2font

    @functools.wraps(made.FT2Font)
    def opened(file: Any, *args: Any, **kwargs: Any) -> Any:
        known = content.get(str(file))
        return made.FT2Font(file if known is None else io.BytesIO(known), *args, **kwargs)

    fonts.ft2font = SimpleNamespace(**{**vars(made), "FT2Font": opened})
    # matplotlib looks whether a font's file is there before it opens the font.
    for name in ("exists", "isfile"):
        setattr(os.path, name, _knowing(getattr(os.path, name), content))


def _knowing(looks: Callable[[Any], bool], content: dict[str, bytes]) -> Callable[[Any], bool]:
    return lambda path: str(path) in content or looks(path)


def _use_pandas() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]}, index=pd.date_range("2020", periods=2))
    str(frame), repr(frame), frame.to_string(), frame.to_html(), frame.describe(), frame.info()
    frame.groupby("b").mean(), str(frame.a), frame.to_csv(), frame.to_json()


#: Packages: what uses them so that they load what they load at the first use.
_FIRST_USES: dict[str, Callable[[], None]] = {
    "matplotlib": _use_matplotlib,
    "pandas": _use_pandas,
}
