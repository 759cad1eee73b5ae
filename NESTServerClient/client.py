"""The class NESTServerClient."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nest_remote import NESTServerError, output_formats
from nest_remote.calls import files, jobs
from nest_remote.calls.batch import execute_all
from nest_remote.calls.jobs import Job
from nest_remote.calls.loop import Loop, step
from nest_remote.http.programs import program
from nest_remote.http.transport import HttpTransport
from nest_remote.look_alike.functions import RemoteFunction
from nest_remote.look_alike.module import PyNest
from NESTServerClient.nodes import NodeSession
from protocol.errors import NestdError
from protocol.http_status import STATUS

#: Submodules of PyNEST whose functions make objects that are sent as arguments.
_MODULES = ("logic", "math", "random", "spatial", "spatial_distributions")


class NESTServerClient:
    """Client that calls PyNEST functions on a NEST Server.

    Every function of PyNEST's public interface is a method here, with the same parameters.
    Nodes are NodeCollections as in PyNEST, and lists of their ids as well: they are compared with
    lists, added to lists, and written as JSON. As arguments lists of ids are nodes, too. Kernel
    attributes are read by calling them: ``nsc.resolution()``. ``nsc.random``, ``nsc.spatial`` and
    the like are PyNEST's.

    Parameters
    ----------
    host, port : of the server; ``host`` can be an address, such as
        ``https://host/user/me/proxy/52425`` behind a proxy
    token : access token; without one, ``NEST_SERVER_ACCESS_TOKEN`` is taken, or that of the
        user's own server on this machine
    progress : whether a bar shows, on a terminal or in a notebook, how far a simulation is that
        takes longer than a second; without it, yes, unless ``NEST_SERVER_PROGRESS=0``
    headers : of each request, such as ``{"Authorization": "token …"}`` for a proxy that asks for
        it

    Raises
    ------
    NESTServerError
        By every method, with NEST's error name and message, if NEST or the server refuses.
    KeyboardInterrupt
        By every method on Ctrl-C, when the server has cancelled the call. A simulation has
        stopped where it was, and the next call goes on from there.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 52425,
        token: str | None = None,
        progress: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        # An IPv6 address has colons of its own.
        named = f"[{host}]" if host.count(":") > 1 and host[0] != "[" and "/" not in host else host
        self._transport = HttpTransport.to(named, token, progress, headers, port)
        self._session = NodeSession(self._transport, raised=_raised, lenient=True)
        self._nest = PyNest("nest", self._session)
        self._session.use_lists()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _MODULES:
            return getattr(self._nest, name)

        return RemoteFunction(self._nest, name)

    def exec_script(
        self,
        source: str,
        return_vars: str | list[str] | None = None,
        name: str | None = None,
        argv: Sequence[str] = (),
        archive: bytes = b"",
    ) -> dict[str, Any]:
        """Run a script on the server.

        Parameters
        ----------
        source : Python code
        return_vars : name, or names, of variables whose values are wanted
        name : of the script's file, which its ``__file__`` has; in the archive if there is one
        argv : arguments of the program: what follows the name in ``sys.argv``
        archive : zip or tar file with the files of the program; an empty source means its file
            ``name``

        Returns
        -------
        The server's answer: what the script printed in ``stdout``, if it printed anything; what
        was asked for in ``data``, the value, or a dict for a list of names.

        Raises
        ------
        NESTServerError
            If the script raised or was ended, with its line, its traceback and what it printed.
        """
        answer: dict[str, Any] = self._transport.exec(
            source, return_vars, program(source, name, argv, archive)
        )
        return answer

    def from_file(
        self,
        filename: str,
        return_vars: str | list[str] | None = None,
        argv: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Run a script file of this machine on the server, as :meth:`exec_script` does.

        Parameters
        ----------
        filename : of the script
        return_vars : name, or names, of variables whose values are wanted
        argv : arguments of the program: what follows the name in ``sys.argv``
        """
        path = Path(filename)
        return self.exec_script(path.read_text(encoding="utf-8"), return_vars, path.name, argv)

    def loop(
        self,
        inputs: Sequence[tuple[Any, str]],
        t: float,
        outputs: Sequence[Any],
        deadline_ms: float | None = None,
    ) -> Loop:
        """Prepare a closed loop, as :func:`nest_remote.loop` does."""
        return Loop(self._session, inputs, t, outputs, deadline_ms)

    def step(
        self, inputs: Sequence[tuple[Any, str, Any]], t: float, outputs: Sequence[Any]
    ) -> list[Any]:
        """Make one step of a closed loop, as :func:`nest_remote.step` does."""
        return step(self._session, inputs, t, outputs)

    def batch(self, calls: Iterable[Sequence[Any]]) -> list[Any]:
        """Execute several calls in one request, with nothing of others in between.

        ``nsc.batch([("Run", [1.0]), ("GetStatus", [recorder, "n_events"])])``

        Parameters
        ----------
        calls : of each its name, the list of its arguments, and a dict of those by name; the last
            two may be missing. The argument ``{"$result": 0}`` is what the first call returns.

        Returns
        -------
        What each returns.

        Raises
        ------
        NESTServerError
            If one fails. Its ``index`` says which, from 0, and its ``results`` are what those
            before it return. Later calls are not executed.
        """
        return execute_all(self._session, calls)

    def submit(self, call: str, *args: Any, **kwargs: Any) -> Job:
        """Submit a call of PyNEST as a job, without waiting for the call.

        ``nsc.submit("Simulate", 1000.0)`` is ``nsc.Simulate(1000.0)`` in the background.

        Parameters
        ----------
        call : name of the function
        args, kwargs : of the call

        Returns
        -------
        The job, whose ``result()`` is what the call would have returned, or raised. It goes on
        when this client has ended.

        Raises
        ------
        NESTServerError
            If the server does not take it. What NEST has against the call, ``result()`` raises.
        """
        return jobs.submit(self._session, call, *args, **kwargs)

    def submit_script(
        self,
        source: str,
        return_vars: str | list[str] | None = None,
        name: str | None = None,
        argv: Sequence[str] = (),
        archive: bytes = b"",
    ) -> Job:
        """Submit a script as a job, without waiting for the script.

        Parameters
        ----------
        source, return_vars, name, argv, archive : as :meth:`exec_script` has them

        Returns
        -------
        The job, whose ``result()`` is what :meth:`exec_script` would have returned, or raised.
        """
        return jobs.submit_script(
            self._session, source, return_vars, program(source, name, argv, archive)
        )

    def jobs(self) -> list[Job]:
        """Return the jobs of all sessions, and requests that wait, in order of their arrival."""
        return jobs.jobs(self._session)

    def job(self, id: str) -> Job:
        """Return the job with that id, perhaps of another session.

        Raises
        ------
        NESTServerError
            If the server has none.
        """
        return jobs.job(self._session, id)

    def files(self) -> list[dict[str, Any]]:
        """Return the files that NEST has written, in the order of their names.

        Returns
        -------
        Of each its ``name``, ``size``, time of change (``modified``) and media ``type``.

        Raises
        ------
        NESTServerError
            If the server does not answer, or its files are not where it is.
        """
        return self._session.files()

    def download(self, name: str, to: str | os.PathLike[str] | None = None) -> Path:
        """Download a file that NEST has written.

        Parameters
        ----------
        name : of the file on the server, see :meth:`files`
        to : file, or directory that exists; ``None`` for the present directory

        Returns
        -------
        Path of the file.

        Raises
        ------
        NESTServerError
            If ``name`` is no plain name, the server has no such file, or the transfer is cut; then
            nothing is left of it.
        """
        return files.download(self._session, name, to)

    def to_json(self, data: Any, **kwargs: Any) -> str:
        """Convert data into JSON text, also with NumPy arrays, as events are.

        Parameters
        ----------
        data : such as what a call returned
        kwargs : for :func:`json.dumps`
        """
        return output_formats.to_json(data, **kwargs)

    def serialize_data(self, data: Any) -> Any:
        """Convert data into what JSON has: lists, dicts, numbers and text.

        ``json.dumps(events, default=nsc.serialize_data)`` converts what it can't.
        """
        return output_formats.serialize_data(data)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_MODULES, *self._transport.get("/api")})

    def __repr__(self) -> str:
        return f"NESTServerClient({self._transport.url!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a NESTServerClient can't be pickled or copied: make one in each process")

    def close(self) -> None:
        """Close the connections to the server. The client and its objects can't be used then."""
        self._session.close()


def _raised(error: NestdError) -> Exception:
    return NESTServerError(error.message, error.error_name, STATUS[type(error)])
