"""Each expression gives with the look-alike what it gives with PyNEST: value, types, or error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nest_remote.look_alike.module import PyNest
from nest_remote.objects.handles import Handle
from nest_remote.objects.nodes import NodeCollection
from nestd.kernel.pynest import nest as pynest
from tests.sections import read_sections

TEXTS = dict(read_sections(Path(__file__).with_name("expressions.txt")))
#: Makes the network that the expressions are about.
NETWORK = TEXTS["network"]

EXPRESSIONS = TEXTS["expressions"].splitlines()

#: Where the look-alike is meant to differ, and why.
DIFFERENT = {
    # Callers see one process, of which nothing says where a node is.
    'neurons.get()["vp"]': "(0,) * 6",
    # NEST can't take a part of a part; here it is a part of the whole.
    "neurons[1::2][1:].tolist()": "[4, 6]",
    # Events are in one order, whatever the number of ranks and threads.
    'recorder.get("events", "times").tolist() == sorted(recorder.events["times"])': "True",
}


def namespace(nest: Any) -> dict[str, Any]:
    """The names of the network, made with ``nest``."""
    names: dict[str, Any] = {"nest": nest, "np": np}
    exec(NETWORK, names)
    return names


def outcome(expression: str, names: dict[str, Any]) -> Any:
    """The value of ``expression``, or its error by name and, where it is NEST's, text."""
    try:
        return plain(eval(expression, names))
    except Exception as error:
        text = str(error) if type(error).__module__ == "NESTErrors" else ""
        if text in ("", type(error).__name__):
            text = "NEST gives no further explanation"
        return ("raised", type(error).__module__, type(error).__name__, text)


def plain(value: Any) -> Any:
    """``value`` as what can be compared, types of containers and numbers included."""
    if isinstance(value, (NodeCollection, pynest.NodeCollection)):
        return ("nodes", value.tolist())
    if isinstance(value, (Handle, pynest.SynapseCollection, pynest.Parameter, pynest.Mask)):
        return ("object", type(value).__name__)
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.tolist())
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [plain(item) for item in value])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if type(value).__name__ in ("Compartments", "Receptors"):
        return (type(value).__name__, value.get_tuple())
    return (type(value).__name__, value)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_gives_what_pynest_gives(expression: str, nest: PyNest) -> None:
    expected = outcome(expression, namespace(pynest))
    assert outcome(expression, namespace(nest)) == expected


@pytest.mark.parametrize("expression", DIFFERENT)
def test_expression_gives_what_is_documented(expression: str, nest: PyNest) -> None:
    names = namespace(nest)
    assert eval(expression, names) == eval(DIFFERENT[expression])


def test_files_are_listed_and_downloads_are_for_other_programs(nest: PyNest) -> None:
    assert nest.files() == [{"name": "a.dat"}]
    with pytest.raises(AttributeError, match=r"nest\.download can't be offered: a script has no"):
        _ = nest.download
