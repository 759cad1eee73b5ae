"""PyNEST's interface to a NEST that runs elsewhere; needs no NEST on this machine.

>>> import nest_remote as nest
>>> nest.connect("http://127.0.0.1:52425")
>>> neurons = nest.Create("iaf_psc_alpha", 1000)

session         connection to one server, and what PyNEST's classes need of it
description     the kernel's description of its PyNEST
errors          errors of NEST and of the server
warned          warnings about calls
forks           forks of this process
dropped         objects that are to be released
output_formats  forms in which PyNEST gives columns
direct          the way to the kernel without the gateway
places          places of servers that are no addresses of HTTP
local_files     directory of this machine for NEST's files
look_alike/     PyNEST's look-alike as a module
objects/        classes of PyNEST's objects
calls/          calls that are more than one request and reply
http/           the way to a server over HTTP
plots/          plots of PyNEST's modules
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nest_remote.errors import NESTServerError as NESTServerError
from nest_remote.look_alike.module import PyNest
from nest_remote.look_alike.submodules import install
from nest_remote.session import Session
from nest_remote.warned import NESTWarning as NESTWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike
    from pathlib import Path

    from nest_remote.calls.jobs import Job
    from nest_remote.calls.loop import Loop


class _Remote(PyNest):
    """This module: PyNEST's look-alike, once it is connected."""

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__own__})


__own__ = [
    "NESTServerError",
    "batch",
    "connect",
    "disconnect",
    "download",
    "install_as_nest",
    "job",
    "jobs",
    "loop",
    "step",
    "submit",
    "submit_script",
]

_module: Any = sys.modules[__name__]
_module.__class__ = _Remote
_module._offer()
# So that programs can import from its modules, and pickles find functions and classes there.
install(_module, __name__)


def connect(
    url: str | PathLike[str] = "http://127.0.0.1:52425",
    token: str | None = None,
    progress: bool | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Connect to the server at ``url``, which executes what follows.

    Functions of this module, also those that a program has imported from it, belong to the session
    that it has now. Objects belong to the one in which they were made; to connect again to the same
    kernel goes on with it.

    Where the server's connection file can be read, as that of the user's own server on this
    machine, calls go to the kernel without the gateway, in a third of the time.

    Ctrl-C during a call cancels it on the server and raises ``KeyboardInterrupt``; the network
    can be used on from where the call has stopped.

    Parameters
    ----------
    url : such as ``http://host:52425``, or ``https://host/user/me/proxy/52425`` behind a proxy;
        ``"ipc"`` for the user's only server on this machine, or the path of a connection file
    token : access token; without one, ``NEST_SERVER_ACCESS_TOKEN`` is taken, or that of the
        user's own server on this machine
    progress : whether a bar shows, on a terminal or in a notebook, how far a simulation is that
        takes longer than a second; without it, yes, unless ``NEST_SERVER_PROGRESS=0``
    headers : of each request, such as ``{"Authorization": "token …"}`` for a proxy that asks for
        it

    Raises
    ------
    NESTServerError
        If no server answers there, or the token is missing or wrong.
    ValueError
        If ``url`` is none.
    """
    # Here and not above: a script's process has another transport, and forks faster without.
    from nest_remote.http.transport import HttpTransport

    transport = HttpTransport.to(url, token, progress, headers)
    session = Session(transport)
    try:
        # What is wrong with address or token is better said here than at the first call.
        _ = session.description
        session.kernel = transport.get("/")["generation"]
    except NESTServerError as error:
        raise error.with_traceback(None) from None
    current = _module.__dict__.get("_session")
    if current is None or not _is_same(current, session):
        _disconnect()
        current = session
    else:
        current.transport.go_over(transport)
        current.go_on(session)
    _module._begin(current)


def disconnect() -> None:
    """Disconnect from the server. Nodes and other objects can't be used any more."""
    _disconnect()


def batch(calls: Iterable[Sequence[Any]]) -> list[Any]:
    """Execute several calls in one request, with nothing of others in between.

    ``batch([("Run", [1.0]), ("GetStatus", [recorder, "n_events"])])``

    Parameters
    ----------
    calls : of each its name, the list of its arguments, and a dict of those by name; the last two
        may be missing. The argument ``{"$result": 0}`` is what the first call returns.

    Returns
    -------
    What each returns.

    Raises
    ------
    Exception
        What the first call raises that fails. Its ``index`` says which, from 0, and its ``results``
        are what those before it return. Later calls are not executed.
    """
    from nest_remote.calls.batch import execute_all

    return execute_all(_module._connected(), calls)


def loop(
    inputs: Sequence[tuple[Any, str]],
    t: float,
    outputs: Sequence[Any],
    deadline_ms: float | None = None,
) -> Loop:
    """Prepare a closed loop, whose steps are made by calling what this returns.

    ``control = loop([(generator, "rate")], 1.0, [recorder, (neurons, "V_m")])``, and then, between
    ``Prepare`` and ``Cleanup``, ``events, voltages = control([800.0])`` for each step.

    Parameters
    ----------
    inputs : nodes and the name of a parameter, for each value of a step
    t : duration of a step, in ms
    outputs : recorders, of which a step gives the new events; or nodes and the name of a value
    deadline_ms : wall-clock time that a step may take; its ``late`` counts the steps that took more
    """
    from nest_remote.calls.loop import Loop

    return Loop(_module._connected(), inputs, t, outputs, deadline_ms)


def step(inputs: Sequence[tuple[Any, str, Any]], t: float, outputs: Sequence[Any]) -> list[Any]:
    """Make one step: set parameters, run, and read values and the events of the step.

    ``step([(generator, "rate", 800.0)], 1.0, [recorder])``; for many steps see :func:`loop`.

    Parameters
    ----------
    inputs : nodes, the name of a parameter, and its value
    t : duration of the step, in ms
    outputs : as of :func:`loop`

    Returns
    -------
    Of each output its events or values.
    """
    from nest_remote.calls import loop

    return loop.step(_module._connected(), inputs, t, outputs)


def submit(call: str, *args: Any, **kwargs: Any) -> Job:
    """Submit a call as a job, without waiting for the call: ``submit("Simulate", 1e4)``.

    Parameters
    ----------
    call : name of the function
    args, kwargs : of the call

    Returns
    -------
    The job, whose ``result()`` is what the call would have returned, or raised.
    """
    from nest_remote.calls import jobs

    return jobs.submit(_module._connected(), call, *args, **kwargs)


def submit_script(
    source: str,
    return_vars: str | list[str] | None = None,
    name: str | None = None,
    argv: Sequence[str] = (),
    archive: bytes = b"",
) -> Job:
    """Submit a script as a job, without waiting for the script.

    Parameters
    ----------
    source : Python code
    return_vars : name, or names, of variables whose values are wanted
    name : of the script's file, which its ``__file__`` has; in the archive if there is one
    argv : arguments of the program: what follows the name in ``sys.argv``
    archive : zip or tar file with the files of the program; an empty source means its file ``name``

    Returns
    -------
    The job, whose ``result()`` is a dict with what was asked for in ``data`` and what the script
    printed in ``stdout``.
    """
    from nest_remote.calls import jobs
    from nest_remote.http.programs import program

    return jobs.submit_script(
        _module._connected(), source, return_vars, program(source, name, argv, archive)
    )


def jobs() -> list[Job]:
    """Return the jobs of all sessions, and requests that wait, in the order of their arrival."""
    from nest_remote.calls import jobs

    return jobs.jobs(_module._connected())


def job(id: str) -> Job:
    """Return the job with that id, perhaps of another session.

    Raises
    ------
    NESTServerError
        If the server has none.
    """
    from nest_remote.calls import jobs

    return jobs.job(_module._connected(), id)


def download(name: str, to: str | PathLike[str] | None = None) -> Path:
    """Download a file that NEST has written: ``download("spikes-3-0.dat", to="results")``.

    ``files()`` lists them.

    Parameters
    ----------
    name : of the file on the server
    to : file, or directory that exists; ``None`` for the present directory

    Returns
    -------
    Path of the file.

    Raises
    ------
    ValueError
        If ``name`` is no plain name.
    NESTServerError
        If the server has no such file, or the transfer is cut; then nothing is left of it.
    """
    from nest_remote.calls import files

    return files.download(_module._connected(), name, to)


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two sessions have the same server, or the same kernel by two addresses."""
    return bool(one.transport.url == other.transport.url or one.kernel == other.kernel)


def _disconnect() -> None:
    session = _module.__dict__.get("_session")
    if session is not None:
        session.close()
        _module.__dict__["_session"] = None


def install_as_nest() -> None:
    """Install this module as ``nest``, also for libraries that import ``nest``."""
    _module._connected()
    install(_module)
