"""The graph of a network has the arrows that PyNEST draws."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import pydot
import pytest

from nest_remote.plots import network
from nestd.kernel.pynest import nest

OURS = network.functions(nest)["plot_network"]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Graphs that would be drawn: name of the file, its format, and source text of the graph.

    The drawing itself is Graphviz's, which need not be installed for these tests.
    """
    graphs: list[tuple[str, str, str]] = []

    def write(self: Any, path: str, format: str, **_: Any) -> bool:
        graphs.append((path, format, self.to_string()))
        return True

    monkeypatch.setattr(pydot.Dot, "write", write)
    return graphs


def test_has_pynests_name_and_parameters() -> None:
    theirs = inspect.signature(nest.visualization.plot_network).parameters
    ours = inspect.signature(OURS).parameters
    assert OURS.__name__ == "plot_network"
    assert OURS.__doc__
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_the_graph_is_pynests(form: str, written: list[tuple[str, str, str]]) -> None:
    sources = nest.Create("iaf_psc_alpha", 3)
    targets = nest.Create("iaf_psc_alpha", 2)
    nest.Connect(sources, targets)
    nest.Connect(targets, sources[:1])
    for function in (nest.visualization.plot_network, OURS):
        function(sources + targets, f"network.{form}")
    theirs, ours = written
    assert ours == theirs
    assert ours[2].count("->") == 8


def test_nodes_without_connections_give_an_empty_graph(written: list[tuple[str, str, str]]) -> None:
    OURS(nest.Create("iaf_psc_alpha"), "network.png")
    assert "->" not in written[0][2]


def test_what_cannot_be_drawn_is_refused(written: list[tuple[str, str, str]]) -> None:
    nodes = nest.Create("iaf_psc_alpha", 2)
    with pytest.raises(TypeError, match="nodes must be a 'NodeCollection'"):
        OURS([1, 2], "network.png")
    with pytest.raises(ValueError, match="at least contain one node"):
        OURS(nest.NodeCollection([]), "network.png")
    for option in ("ext_conns", "plot_modelnames"):
        with pytest.raises(NotImplementedError, match=option):
            OURS(nodes, "network.png", **{option: True})
    for filename in ("network.svg", "network"):
        with pytest.raises(ValueError, match=r"end in '.png' or '.pdf'"):
            OURS(nodes, filename)
    assert written == []
    assert list(Path().iterdir()) == []


def test_missing_pydot_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match="needs pydot, which is not installed here"):
        OURS(nest.Create("iaf_psc_alpha"), "network.png")
