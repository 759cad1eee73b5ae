"""What a proxy of a module shows, and that nothing leads behind it."""

from __future__ import annotations

import functools
import operator
import string
import sys
import types
from typing import Any

import numpy as np
import pytest

from nestd.scripts.sandbox.module_proxy import ModuleProxy, make_proxy
from nestd.scripts.sandbox.module_rules import HIDDEN, STANDARD, SUBMODULES
from protocol.errors import ConfigurationError
from tests.unit.scripts.stand_in import Nest


def shown(module: types.ModuleType) -> dict[str, Any]:
    """Return what the proxy of ``module`` shows, by name."""
    proxy = make_proxy(module)
    return {name: getattr(proxy, name) for name in dir(module) if hasattr(proxy, name)}


def test_numpy_shows_what_scripts_compute_with() -> None:
    proxy = make_proxy(np)
    for name in str.split(
        "array zeros linspace pi inf newaxis float64 sqrt add where sort concatenate einsum "
        "vectorize errstate r_ mgrid ndindex datetime64 dtype polyfit"
    ):
        assert getattr(proxy, name) is getattr(np, name)


@pytest.mark.parametrize(
    "name",
    str.split(
        "load save savez savetxt loadtxt genfromtxt fromfile fromregex memmap lib core ctypeslib "
        "f2py testing rec recarray bmat info test os sys from_dlpack typing matlib"
    ),
)
def test_numpy_hides_what_leads_out(name: str) -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(make_proxy(np), name)
    assert str(raised.value).startswith(
        (f"numpy.{name} is not available to scripts: it", "module 'numpy' has no attribute")
    )


def walk(proxy: ModuleProxy, module: types.ModuleType, path: str) -> list[tuple[str, object]]:
    """Everything that can be read from a proxy, with the names that lead there."""
    found: list[tuple[str, object]] = []
    for name in dir(module):
        try:
            value = getattr(proxy, name)
        except AttributeError:
            continue
        found.append((f"{path}.{name}", value))
        if type(value) is ModuleProxy:
            found += walk(value, getattr(module, name), f"{path}.{name}")
    return found


@pytest.mark.parametrize("name", sorted({"numpy", *STANDARD}))
def test_nothing_shown_is_a_module_or_from_elsewhere(name: str) -> None:
    __import__(name)
    module = sys.modules[name]
    everything = walk(make_proxy(module), module, name)
    assert everything
    for path, value in everything:
        assert not isinstance(value, types.ModuleType), path
        if isinstance(value, types.FunctionType):
            # What a module has taken from elsewhere has that module's name.
            assert value.__module__.lstrip("_").startswith((name, "nestd.scripts")), path


def test_numpy_shows_these_submodules_and_no_others() -> None:
    proxies = {
        path for path, value in walk(make_proxy(np), np, "numpy") if type(value) is ModuleProxy
    }
    listed = {f"numpy.{name}" for name in SUBMODULES["numpy"]}
    # Versions of NumPy differ in whether functions on text are in a module of that name.
    assert listed - {"numpy.char", "numpy.strings"} <= proxies <= listed


@pytest.mark.parametrize(
    ("module", "name"),
    [(operator, "attrgetter"), (string, "Formatter"), (functools, "update_wrapper")],
)
def test_readers_of_any_attribute_are_hidden(module: types.ModuleType, name: str) -> None:
    assert hasattr(module, name)
    with pytest.raises(AttributeError, match="without their guard"):
        getattr(make_proxy(module), name)


def test_wraps_copies_what_it_copies_by_default_and_nothing_else() -> None:
    wraps = make_proxy(functools).wraps
    assert wraps(len)(lambda: 0).__name__ == "len"
    with pytest.raises(TypeError):
        wraps(len, ("__code__",))


@pytest.mark.parametrize(
    "name", ["os", "sys", "subprocess", "os.path", "enum", "types", "builtins"]
)
def test_standard_library_is_shown_by_a_list(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} can't be given to restricted scripts"):
        make_proxy(types.ModuleType(name))


def test_other_packages_show_their_own_functions_and_loaded_submodules() -> None:
    package = types.ModuleType("package")
    inner = types.ModuleType("package.inner")
    own = types.FunctionType((lambda: 5).__code__, {"__name__": "package.core"}, "own")
    package.__dict__.update(
        inner=inner, other=string, own=own, walk=np.sum, read_csv=own, constant=5, _private=1
    )
    assert shown(package).keys() == {"inner", "own", "constant"}
    package.__dict__["__all__"] = ["constant", "missing"]
    make_proxy.__globals__["_fixed_proxy"].cache_clear()
    assert shown(package).keys() == {"inner", "constant"}


def test_proxy_has_none_of_what_modules_have() -> None:
    proxy = make_proxy(np)
    for name in ("__name__", "__dict__", "__class__", "__loader__", "__file__", "_view", "_core"):
        with pytest.raises(AttributeError, match=f"numpy.{name} is not available"):
            getattr(proxy, name)
    assert proxy.__version__ == np.__version__
    assert repr(proxy) == "<module 'numpy'>"
    assert not isinstance(proxy, types.ModuleType)
    assert make_proxy(np) is proxy


def test_import_by_python_itself_finds_nothing_behind_a_proxy() -> None:
    # With a __name__ it would look into sys.modules for what the proxy refuses.
    assert "numpy.ctypeslib" in sys.modules or np.ctypeslib
    namespace: dict[str, Any] = {"__builtins__": {"__import__": lambda *_: make_proxy(np)}}
    with pytest.raises(ImportError):
        exec("from numpy import ctypeslib", namespace)


@pytest.mark.parametrize("name", ["pi", "foo", "ndarray", "__name__", "_view"])
def test_proxy_cannot_be_changed(name: str) -> None:
    proxy = make_proxy(np)
    with pytest.raises(AttributeError):
        setattr(proxy, name, 5)
    with pytest.raises(AttributeError):
        delattr(proxy, name)


class TestNest:
    """Proxy of the look-alike."""

    def test_functions_classes_and_kernel_attributes_are_shown(self) -> None:
        nest = Nest()
        proxy = make_proxy(nest)
        assert proxy.Create is nest.Create
        assert proxy.Nodes is nest.Nodes
        assert (proxy.resolution, proxy.__version__) == (0.1, "3.10.0")
        assert proxy.random.uniform() == 0.5
        assert proxy.random is proxy.random

    def test_kernel_attributes_are_read_and_set_as_they_are_now(self) -> None:
        nest = Nest()
        proxy = make_proxy(nest)
        proxy.resolution = 0.2
        assert nest.resolution == 0.2
        nest.resolution = 0.3
        assert proxy.resolution == 0.3

    @pytest.mark.parametrize("name", ["Create", "random", "Nodes", "ll_api", "nonsense", "_kernel"])
    def test_nothing_else_can_be_set(self, name: str) -> None:
        with pytest.raises(AttributeError):
            setattr(make_proxy(Nest()), name, 5)

    @pytest.mark.parametrize(
        "name", ["ll_api", "raster_plot", "os", "system", "_transport", "__dict__"]
    )
    def test_machinery_and_other_modules_are_hidden(self, name: str) -> None:
        with pytest.raises(AttributeError, match=f"nest.{name} is not available to scripts: it"):
            getattr(make_proxy(Nest()), name)

    def test_other_modules_in_submodules_are_hidden(self) -> None:
        with pytest.raises(AttributeError, match=r"nest\.random\.os is not available to scripts"):
            _ = make_proxy(Nest()).random.os

    def test_submodules_cannot_be_changed(self) -> None:
        with pytest.raises(AttributeError, match=r"nest\.random\.uniform can't be changed"):
            make_proxy(Nest()).random.uniform = print

    def test_what_is_not_there_is_said_by_the_look_alike(self) -> None:
        with pytest.raises(AttributeError, match="module 'nest' has no attribute 'nothing'"):
            _ = make_proxy(Nest()).nothing


def test_reasons_are_sentences() -> None:
    assert all(
        why.startswith("it ") or "there is" in why
        for names in HIDDEN.values()
        for why in names.values()
    )
