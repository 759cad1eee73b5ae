"""The graph of a network: an arrow for every connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def functions(nest: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions of PyNEST's ``nest.visualization``, for the kernel behind ``nest``."""

    def plot_network(
        nodes: Any, filename: str, ext_conns: bool = False, plot_modelnames: bool = False
    ) -> None:
        """Draw the connections that leave some nodes, in a file.

        Parameters
        ----------
        nodes : NodeCollection, not empty
        filename : of the drawing; ends in ".pdf" or ".png"
        ext_conns, plot_modelnames : PyNEST reserves them; False is all that is possible

        Raises
        ------
        TypeError
            If ``nodes`` is no NodeCollection.
        ValueError
            If it is empty, or ``filename`` ends in something else.
        NotImplementedError
            If one of the two is not False.
        ImportError
            If pydot is missing.
        FileNotFoundError
            If Graphviz is missing, whose program ``dot`` does the drawing.
        """
        if not isinstance(nodes, nest.NodeCollection):
            raise TypeError("nodes must be a 'NodeCollection'.")
        if len(nodes) == 0:
            raise ValueError("nodes must at least contain one node.")
        if ext_conns:
            raise NotImplementedError("ext_conns")
        if plot_modelnames:
            raise NotImplementedError("plot_modelnames")
        form = Path(filename).suffix
        if form not in (".pdf", ".png"):
            raise ValueError("Filename must end in '.png' or '.pdf'.")
        try:
            import pydot
        except ImportError as error:
            raise ImportError(
                "plotting a network needs pydot, which is not installed here"
            ) from error

        connections = nest.GetConnections(nodes)
        graph = pydot.Dot(rankdir="LR", ranksep="5")
        for source, target in zip(connections.sources(), connections.targets(), strict=True):
            graph.add_edge(pydot.Edge(str(source), str(target)))
        graph.write(filename, format=form[1:])

    return {"plot_network": plot_network}
