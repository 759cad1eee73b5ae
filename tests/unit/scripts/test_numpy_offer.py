"""List of what scripts have of NumPy: complete, and enough for ordinary scripts."""

from __future__ import annotations

import functools
import types
from pathlib import Path

import numpy as np
import pytest

from nestd.scripts.sandbox import module_rules, numpy_memory, numpy_offer
from nestd.scripts.sandbox.guards import Guards
from nestd.scripts.sandbox.module_proxy import ModuleProxy, make_proxy
from nestd.scripts.sandbox.module_rules import HIDDEN, SUBMODULES, UNLISTED
from tests.sections import read_sections

_SECTIONS = {
    name: text.split() for name, text in read_sections(Path(__file__).with_name("numpy_names.txt"))
}
#: Public names by module of all versions that were looked at.
REVIEWED = {name: words for name, words in _SECTIONS.items() if name.startswith("numpy")}


def submodules(module: str) -> set[str]:
    """Return the names that a module has for its submodules that are shown."""
    path = module.partition(".")[2]
    return {
        name.rpartition(".")[2] for name in SUBMODULES["numpy"] if name.rpartition(".")[0] == path
    }


def public(module: types.ModuleType) -> set[str]:
    """Return the names that a module of the installed NumPy says are public."""
    names = {*getattr(module, "__all__", dir(module))}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("module", REVIEWED)
def test_each_name_is_either_offered_or_refused_with_a_reason(module: str) -> None:
    offered, refused = numpy_offer.NAMES[module], HIDDEN.get(module, {}).keys()
    assert {*REVIEWED[module]} - offered - refused - submodules(module) == set()
    assert offered & refused == set()
    assert offered - {*REVIEWED[module]} == set()


@pytest.mark.parametrize("name", sorted(SUBMODULES["numpy"] | {""}))
def test_public_names_of_the_installed_version_were_looked_at(name: str) -> None:
    dotted = f"numpy.{name}" if name else "numpy"
    try:
        module = functools.reduce(getattr, name.split("."), np) if name else np
    except AttributeError:
        # Older versions don't have all of the modules.
        assert name == "strings"
        return
    known = {*REVIEWED[dotted], *submodules(dotted), "test"}
    # A name that is new has to be looked at, and put on one of the two lists.
    assert public(module) - known == set()


def test_name_that_a_later_version_brings_is_refused_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = types.ModuleType("numpy.linalg")
    later.__dict__.update(norm=np.linalg.norm, brand_new=np.linalg.norm, __all__=["brand_new"])
    proxy = make_proxy(later)
    with pytest.raises(AttributeError) as raised:
        _ = proxy.brand_new
    assert str(raised.value) == f"numpy.linalg.brand_new is not available to scripts: {UNLISTED}"
    assert "versions 1.26 to 2.4" in UNLISTED


@pytest.mark.parametrize("dotted", sorted(_SECTIONS["used"]))
def test_ordinary_scripts_have_what_they_use(dotted: str) -> None:
    guards = Guards()
    value: object = make_proxy(np)
    for name in dotted.split("."):
        value = guards.read(value, name)


def test_objects_of_ordinary_scripts_have_what_they_use() -> None:
    guards = Guards()
    objects = (
        *(np.zeros(1), np.float64(1), np.finfo("f8"), np.iinfo("i4"), np.dtype("f8")),
        *(np.random.default_rng(1), np.random.RandomState(1), np.random.SeedSequence(1)),
        *(np.ma.zeros(1), np.vectorize(len), np.poly1d([1, 2]), np.polynomial.Polynomial([1])),
        *(np.linalg.eig(np.eye(2)), np.linalg.svd(np.eye(2)), np.zeros(1).flags, np.add),
    )
    for obj in objects:
        for name in _SECTIONS[type(obj).__name__]:
            guards.read(obj, name)


def test_nothing_of_numpy_but_the_list_can_be_read_of_its_objects() -> None:
    guards = Guards()
    rng = np.random.default_rng(1)
    for obj in (np.zeros(1), np.float64(1), np.dtype("f8"), np.add, np.zeros(1).flat, rng, np.sum):
        kind = type(obj)
        listed = {
            name for base in kind.__mro__ for name in numpy_offer.ATTRIBUTES.get(base.__name__, ())
        }
        own = {name for base in (float, object) if isinstance(obj, base) for name in dir(base)}
        for name in dir(obj):
            if not name.startswith("_") and name not in listed | own:
                with pytest.raises(AttributeError, match="is not available to scripts"):
                    guards.read(obj, name)


def test_compiled_functions_show_nothing_of_their_insides() -> None:
    guards = Guards()
    for function in (np.random.default_rng, np.linalg.norm, np.sum):
        for name in ("func_globals", "func_code", "func_closure", "func_dict", "func_defaults"):
            with pytest.raises(AttributeError):
                guards.read(function, name)


class TestStandIns:
    """Stand-ins do what NumPy does, where that is well defined."""

    def test_array_over_a_buffer(self) -> None:
        memory = np.arange(6, dtype="i4")
        made = numpy_memory.Array((2, 2), "i4", memory, 8)
        assert made.tolist() == np.ndarray((2, 2), "i4", memory, 8).tolist()
        assert type(made) is np.ndarray
        made[0, 0] = 50
        assert memory[2] == 50
        assert numpy_memory.Array(2, "i4", memory, order="F").tolist() == [0, 1]

    @pytest.mark.parametrize(
        "arguments",
        [
            ((2,), "i4", np.zeros(1), -4),
            ((3,), "i4", np.zeros(1), 0),
            ((-1,), "i4", np.zeros(1), 0),
            ((2**62, 4), "i4", np.zeros(1), 0),
            ((1,), "i4", np.zeros(1), 0, (4,)),
        ],
    )
    def test_array_outside_of_its_buffer(self, arguments: tuple[object, ...]) -> None:
        with pytest.raises((ValueError, TypeError, OverflowError)):
            numpy_memory.Array(*arguments)

    def test_state_is_set_as_it_was_got(self) -> None:
        functions = make_proxy(np.random)
        for legacy in (True, False):
            state = functions.get_state(legacy=legacy)
            drawn = functions.normal(size=3)
            functions.set_state(state)
            assert (functions.normal(size=3) == drawn).all()

    def test_arguments_are_numbers_or_become_arrays(self) -> None:
        functions = make_proxy(np.random)
        assert functions.normal([0.0, 1.0], size=(3, 2)).shape == (3, 2)
        assert functions.poisson({1: 2}.keys().__len__()) >= 0
        assert functions.randint(0, 5, size=4, dtype=np.int8).dtype == np.int8
        assert functions.default_rng(functions.SeedSequence(5)).random() < 1
        assert functions.choice([{}, {}]) == {}
        assert functions.default_rng(functions.PCG64(3)).random() < 1
        with pytest.raises(
            TypeError, match=r"numpy\.random takes numbers and arrays, not 'object'"
        ):
            functions.normal(object())
        nodes = [object(), object()]
        functions.shuffle(nodes)
        assert len(nodes) == 2

    def test_function_of_functions(self) -> None:
        assert numpy_memory.frompyfunc(lambda a: a + 1, 1, 1)(1) == 2
        with pytest.raises(ValueError, match="fewer than 0"):
            numpy_memory.frompyfunc(len, -1, 1)


def test_reasons_are_known() -> None:
    assert module_rules.UNLISTED.startswith("it ")
    assert isinstance(make_proxy(np), ModuleProxy)
