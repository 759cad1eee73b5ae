"""Modules of a restricted program: sources in its archive, compiled with guards, in memory.

A restricted script has no files; so what it imports of its own comes from the archive.
"""

from __future__ import annotations

import tokenize
from io import BytesIO
from typing import Any

from nestd.scripts.sandbox.compile import compile_script
from nestd.scripts.sandbox.module_proxy import ModuleProxy


def decoded(content: bytes) -> str:
    """Return the text of a source, in the encoding that it says, or else UTF-8."""
    encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    return content.decode(encoding).replace("\r\n", "\n")


class OwnModules:
    """Modules of one program.

    Parameters
    ----------
    files : of the program, by their names
    places : directories in which modules are looked for, each ending with a slash or empty
    provided : built-in functions of restricted scripts
    """

    def __init__(
        self, files: dict[str, bytes], places: list[str], provided: dict[str, Any]
    ) -> None:
        self._files = files
        self._places = places
        self._provided = provided
        self._proxies: dict[str, ModuleProxy] = {}

    def find(self, name: str) -> ModuleProxy | None:
        """Return the proxy of a module, which is run at its first import; ``None`` if none is."""
        if name in self._proxies:
            return self._proxies[name]
        parent = name.rpartition(".")[0]
        if parent and self.find(parent) is None:
            return None
        path = name.replace(".", "/")
        for place in self._places:
            for file in (f"{place}{path}/__init__.py", f"{place}{path}.py"):
                if file in self._files:
                    return self._run(name, file)
            if any(file.startswith(f"{place}{path}/") for file in self._files):
                return self._made(name, {})
        return None

    def _run(self, name: str, file: str) -> ModuleProxy:
        variables = {"__builtins__": self._provided, "__name__": name, "__file__": file}
        # Python, too, has a module before it has run.
        proxy = self._made(name, variables)
        try:
            code = compile_script(decoded(self._files[file]), file)
            exec(code, variables)  # noqa: S102  # compiled with the guards
        except BaseException:
            del self._proxies[name]
            raise
        return proxy

    def _made(self, name: str, variables: dict[str, Any]) -> ModuleProxy:
        self._proxies[name] = ModuleProxy(name, OwnView(name, variables, self))
        return self._proxies[name]


class OwnView:
    """Shows the variables of a program's own module.

    Parameters
    ----------
    name : of the module
    variables : of the module
    modules : of the program, for submodules
    """

    def __init__(self, name: str, variables: dict[str, Any], modules: OwnModules) -> None:
        self._name = name
        self._variables = variables
        self._modules = modules

    def read(self, name: str) -> Any:
        """Return the variable, or the submodule of that name."""
        if name in self._variables:
            return self._variables[name]
        found = self._modules.find(f"{self._name}.{name}")
        if found is None:
            raise AttributeError(f"module {self._name!r} has no attribute {name!r}")
        return found

    def write(self, name: str, value: Any) -> None:
        """Set a variable of the module."""
        self._variables[name] = value
