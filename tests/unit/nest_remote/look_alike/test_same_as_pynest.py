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
from tests.unit.nest_remote.look_alike.conftest import InProcess

TEXTS = dict(read_sections(Path(__file__).with_name("expressions.txt")))
#: Makes the network that the expressions are about.
NETWORK = TEXTS["network"]

EXPRESSIONS = TEXTS["expressions"].splitlines()

#: Where the look-alike is meant to differ, and why.
DIFFERENT = {
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


#: Calls of replaced functions with arguments that don't fit: in their words is PyNEST's name.
MISFITS = """\
nest.Create()
nest.Create("iaf_psc_alpha", 1, 2, 3, 4)
nest.Simulate()
nest.GetStatus()
nest.GetPosition()
nest.Install()
nest.Disconnect(nope=1)"""


# PyNEST says once that GetStatus is deprecated.
@pytest.mark.filterwarnings("ignore:\\n.* is deprecated")
@pytest.mark.parametrize("call", MISFITS.splitlines())
def test_arguments_that_do_not_fit_are_refused_in_pynests_words(call: str, nest: PyNest) -> None:
    said = []
    for module in (pynest, nest):
        with pytest.raises(TypeError) as caught:
            eval(call, {"nest": module})
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_nodes_are_printed_as_pynest_prints_them(
    nest: PyNest, capfd: pytest.CaptureFixture[str]
) -> None:
    nest.Create("iaf_psc_alpha", 12)
    nest.Create("spike_recorder")
    nest.PrintNodes()
    assert capfd.readouterr().out == " 1 .. 12 iaf_psc_alpha\n13       spike_recorder\n"


#: What the ids of nodes tell, also of parts of parts, and of many that are joined.
KNOWN = """\
neurons[2], neurons[1:4][1], list(neurons), neurons[[0, 2, 5]][1:], layer[[1, 3]], layer[::2][1]
neurons + recorder, sum(n for n in neurons[::2]), (neurons + meter)[[0, 6]] + generator
neurons == neurons[:3], neurons[[0, 1]] == neurons[:2], neurons.index(2), 5 in neurons + meter
print(neurons, layer[1], neurons[:2] + neurons[4:] + cell, nest.NodeCollection())
[neurons[[0, 1, 3]] + recorder for _ in range(100)]"""


@pytest.mark.parametrize("expression", KNOWN.splitlines())
def test_what_ids_tell_is_not_asked(expression: str, nest: PyNest, transport: InProcess) -> None:
    names = namespace(nest) | {"none": nest.NodeCollection()}
    transport.executed.clear()
    eval(expression.replace("nest.NodeCollection()", "none"), names)
    assert transport.executed == []


@pytest.mark.parametrize("chosen", ["nodes[0] + nodes[1]", "nodes[[0, 1]]", "nodes[:]", "nodes"])
def test_nodes_that_are_all_of_others_release_nothing_of_them(nest: PyNest, chosen: str) -> None:
    nodes = nest.Create("iaf_psc_alpha", 2)
    made = eval(chosen, {"nodes": nodes})
    nest.Connect(made, made)
    del made
    nest._session.release()
    assert nodes.get("V_m") == (-70.0, -70.0)


def test_part_of_joined_nodes_is_joined_with_no_others(nest: PyNest) -> None:
    joined = nest.Create("iaf_psc_alpha", 10) + nest.Create("iaf_psc_exp", 7)
    with pytest.raises(nest.NESTErrors.BadProperty):
        joined[::2] + nest.Create("iaf_psc_delta")
    assert (joined[:4] + nest.Create("iaf_psc_delta")).tolist() == [1, 2, 3, 4, 19]


def test_ends_of_connections_are_asked_for_once_in_a_loop(
    nest: PyNest, transport: InProcess
) -> None:
    names = namespace(nest)
    loop = "[(c.source, c.get('target')) for c in found]"
    expected = eval(loop, namespace(pynest))
    transport.executed.clear()
    assert [eval(loop, names) for _ in range(2)] == [expected] * 2
    # One by itself, then those of all.
    assert [call for _, call in transport.executed if call != "SynapseCollection.size"] == [
        "SynapseCollection.get"
    ] * 2
    # What may have changed is asked for again.
    nest.ResetKernel()
    assert [c.source for c in names["found"]] == [()] * len(expected)


def test_nodes_of_many_parts_are_printed_like_others(nest: PyNest, transport: InProcess) -> None:
    for module in (nest, pynest):
        module.Create("iaf_psc_alpha", 400)
    ids = list(range(1, 400, 3))
    many = nest.NodeCollection(ids)
    transport.executed.clear()
    expected = str(pynest.NodeCollection(ids))
    assert [str(many), repr(many), str(many[:100])] == [
        expected,
        expected,
        str(pynest.NodeCollection(ids)[:100]),
    ]
    assert ("call_pynest", "NodeCollection.text") in transport.executed


def test_files_are_listed_and_downloads_are_for_other_programs(nest: PyNest) -> None:
    assert nest.files() == [{"name": "a.dat"}]
    with pytest.raises(AttributeError, match=r"nest\.download can't be offered: a script has no"):
        _ = nest.download
