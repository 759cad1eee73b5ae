"""NodeCollection: nodes of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nest_remote.objects.compartments import Compartments, Receptors
from nest_remote.objects.composition import EMPTY
from nest_remote.objects.known_nodes import KnownNodes
from nest_remote.output_formats import as_frame, to_json
from protocol.wire.values import Array, Expression, Reference

if TYPE_CHECKING:
    from nest_remote.session import Session


class NodeCollection(KnownNodes):
    """Nodes of the network, in the order of their ids.

    Made by ``Create``, or of node ids. What their ids tell needs no answer of NEST: length, parts,
    joining, comparing, printing. Parameters are read and set by :meth:`get` and :meth:`set`, or as
    attributes.

    Parameters
    ----------
    data : node ids; without them an empty collection
    """

    def __init__(self, data: Any = None) -> None:
        made = self._session.call("NodeCollection", [] if data is None else data)
        # The object there goes over to this handle.
        self.__dict__.update(made.__dict__)
        made.__dict__.clear()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self._nodes, dtype=dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            if name == "_ipython_canary_method_should_not_exist_":
                # IPython gives up asking only for an exception that is no AttributeError.
                raise NotImplementedError(name)
            raise AttributeError(name)
        if not self:
            raise AttributeError("Cannot get attribute of empty NodeCollection")
        if name == "spatial":
            self.__dict__["spatial"] = self._session.call("NodeCollection.spatial", self)
            return self.__dict__["spatial"]
        if name == "global_id":
            return int(self._nodes[0]) if len(self) == 1 else tuple(self.tolist())
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.set({name: value})

    def get(self, *params: Any, **kwargs: Any) -> Any:
        """Return values of parameters.

        Parameters
        ----------
        params : one name, a list of names, or a name followed by names inside its value; all
            parameters without
        output : ``"pandas"`` for a DataFrame, ``"json"`` for JSON text

        Returns
        -------
        Of one node its value, of several a tuple; of several parameters a dict of them.

        Raises
        ------
        KeyError
            If the nodes have no such parameter.
        """
        if not self:
            raise ValueError("Cannot get parameter of empty NodeCollection")
        if kwargs.keys() - {"output"}:
            raise TypeError("Got unexpected keyword argument")
        output = kwargs.get("output", "")
        if output == "pandas":
            return as_frame(self.get(*params), params, self.tolist())
        if output == "json":
            return to_json(self.get(*params))
        result = self._session.call("NodeCollection.get", self, *params)
        if len(params) == 1:
            if params[0] == "compartments":
                return Compartments(self, result)
            if params[0] == "receptors":
                return Receptors(self, result)
        return result

    def set(self, params: Any = None, **kwargs: Any) -> None:
        """Set parameters.

        Parameters
        ----------
        params : names and values, the same for all nodes or lists with one for each; or a list
            of such dicts, one for each node
        kwargs : the same by keywords
        """
        if not self:
            return
        if kwargs and params is None:
            params = kwargs
        elif kwargs and params:
            raise TypeError("must either provide params or kwargs, but not both.")
        if isinstance(params, dict):
            # What "nodes.compartments += …" assigns in the end: the adding is done already.
            params = {
                name: value
                for name, value in params.items()
                if not (name in ("compartments", "receptors") and value is None)
            }
        self._session.call("NodeCollection.set", self, params)

    def _to_array(self, selection: str = "all") -> dict[Any, list[int]]:
        """Return where the nodes are, as PyNEST's debugging helper does: one process has all.

        Parameters
        ----------
        selection : ``"all"``, ``"rank"``, or ``"thread"`` for those of each virtual process
        """
        ids = self.tolist()
        if selection == "thread":
            threads: int = self._session.read("total_num_virtual_procs")
            found: dict[Any, list[int]] = {}
            for node in ids:
                found.setdefault(node % threads, []).append(node)
            return dict(sorted(found.items()))
        return {{"all": "All", "rank": "Rank 0"}[selection]: ids}


def maker(cls: type[NodeCollection], session: Session) -> Any:
    """Return a function that makes the collection for a reference."""

    def make(reference: Reference) -> NodeCollection:
        ids, text = reference.ids, reference.text
        # They are for here; the kernel knows them.
        reference = Reference(reference.type, reference.id, reference.generation)
        if ids is None or len(ids) == 0:
            # No nodes are no nodes in every network.
            session.drop(reference)
            empty = Expression("NodeCollection", [[]])
            return cls.of(empty, np.zeros(0, np.int64), EMPTY, session)
        return cls.of(reference, ids, text, session)

    return make
