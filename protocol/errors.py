"""Errors that cross a boundary between processes, in one tree.

::

    NestdError
    ├── ProtocolError
    │   ├── TooManyValues
    │   └── VersionMismatch
    ├── CallerError
    │   ├── MalformedRequest
    │   ├── RequestTooLarge
    │   ├── Refused
    │   ├── UnknownCall
    │   ├── UnknownJob
    │   ├── UnknownFile
    │   ├── DataDirectoryFull
    │   ├── ArgumentError
    │   ├── StaleReference
    │   ├── KernelError
    │   ├── ScriptError
    │   └── Cancelled
    ├── Unavailable
    │   ├── QueueFull
    │   ├── KernelUnavailable
    │   ├── KernelLost
    │   └── LinkLost
    ├── Diverged
    ├── InternalError
    └── ConfigurationError
        ├── PortTaken
        └── StartFailed

Each error carries its facts as typed attributes, and one line of message that a person can act on.
``ERROR_KINDS`` names each class on the wire; ``protocol/http_status.py`` has its HTTP status. Tests
hold the tree above and both tables complete.
"""

from __future__ import annotations

from typing import Any, ClassVar

from protocol.warned import Warned


class NestdError(Exception):
    """Root of all errors of this project.

    Attributes
    ----------
    message : one line for a person
    error_name : the name a caller knows the error by: NEST's or Python's exception class
    call : the PyNEST call that was running, if one was
    parameter : the parameter of ``call`` that was wrong, if one was
    ranks : MPI ranks the error happened on; empty when it happened on all of them
    retry_after_s : seconds after which trying again makes sense, else ``None``
    module : Python module of the exception that ``error_name`` names, if there was one
    line : line of a script at which it happened
    trace : the script's traceback, as Python writes it
    output : what the script had printed until then
    index : place of the call in its batch, from 0
    results : of the calls before it
    data : what was asked for of a script that ended itself with an error
    warnings : what was warned of meanwhile; no fact on the wire, as the answer has them
    """

    #: Name on the wire.
    kind: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        error_name: str | None = None,
        call: str | None = None,
        parameter: str | None = None,
        ranks: tuple[int, ...] = (),
        retry_after_s: int | None = None,
        module: str | None = None,
        line: int | None = None,
        trace: str | None = None,
        output: str | None = None,
        index: int | None = None,
        results: list[Any] | None = None,
        data: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_name = error_name or type(self).__name__
        self.call = call
        self.parameter = parameter
        self.ranks = ranks
        self.retry_after_s = retry_after_s
        self.module = module
        self.line = line
        self.trace = trace
        self.output = output
        self.index = index
        self.results = results
        self.data = data
        self.warnings: tuple[Warned, ...] = ()

    def __str__(self) -> str:
        return self.message


class ProtocolError(NestdError):
    """Bytes that are no message of this protocol."""

    kind = "protocol"


class TooManyValues(ProtocolError):
    """Bytes of which more lists, dicts or values would be made than may be."""

    kind = "too_many"


class VersionMismatch(ProtocolError):
    """Peer that speaks another version of the protocol."""

    kind = "version"


class CallerError(NestdError):
    """Request that can't be done; another attempt gives the same error."""

    kind = "caller"


class MalformedRequest(CallerError):
    """Body or header that can't be understood."""

    kind = "malformed"


class RequestTooLarge(CallerError):
    """Body over the size limit."""

    kind = "too_large"


class Refused(CallerError):
    """Request that this server does not accept from where it came."""

    kind = "refused"


class UnknownCall(CallerError):
    """Name that PyNEST's public interface does not have, or that can't be offered."""

    kind = "unknown_call"


class UnknownJob(CallerError):
    """Name that no job has, or not any more."""

    kind = "unknown_job"


class UnknownFile(CallerError):
    """Name that no file in the data directory has."""

    kind = "unknown_file"


class DataDirectoryFull(CallerError):
    """Call that would write files where they have all the room that they may have."""

    kind = "data_directory_full"


class ArgumentError(CallerError):
    """Argument that does not fit its parameter."""

    kind = "argument"


class StaleReference(CallerError):
    """Reference to an object that was released or died with an earlier kernel."""

    kind = "stale_reference"


class KernelError(CallerError):
    """Exception that NEST or PyNEST raised in the caller's operation."""

    kind = "kernel"


class ScriptError(CallerError):
    """Script that raised, or was ended."""

    kind = "script"


class Cancelled(CallerError):
    """Command that was ended on request."""

    kind = "cancelled"


class Unavailable(NestdError):
    """Request that can't be served now and may succeed later."""

    kind = "unavailable"


class QueueFull(Unavailable):
    """Queue that is full: as many commands wait as this server accepts."""

    kind = "queue_full"


class KernelUnavailable(Unavailable):
    """Kernel that is not there to take a command, which was therefore not executed."""

    kind = "kernel_unavailable"


class KernelLost(Unavailable):
    """Kernel that died while it had a command; its network is lost."""

    kind = "kernel_lost"


class LinkLost(Unavailable):
    """Connection to the kernel that is cut; the command may have been executed, or still be."""

    kind = "link_lost"


class Diverged(NestdError):
    """Rank that raised while others wait for it inside NEST; the kernel is lost."""

    kind = "diverged"


class InternalError(NestdError):
    """Fault of this project."""

    kind = "internal"


class ConfigurationError(NestdError):
    """Settings, files or an environment with which a process can't start."""

    kind = "configuration"


class PortTaken(ConfigurationError):
    """Ports that are all taken."""

    kind = "port_taken"


class StartFailed(ConfigurationError):
    """Kernel or gateway that did not come up."""

    kind = "start_failed"


def _tree(root: type[NestdError]) -> dict[str, type[NestdError]]:
    kinds = {root.kind: root}
    for child in root.__subclasses__():
        kinds.update(_tree(child))
    return kinds


#: Every error class by its name on the wire.
ERROR_KINDS: dict[str, type[NestdError]] = _tree(NestdError)


#: Optional facts, each with the type it has on the wire.
_FACTS: dict[str, type] = {
    "error_name": str,
    "call": str,
    "parameter": str,
    "ranks": list,
    "retry_after_s": int,
    "module": str,
    "line": int,
    "trace": str,
    "output": str,
    "index": int,
    "results": list,
    "data": object,
}


def facts_of(error: NestdError) -> dict[str, Any]:
    """Return the attributes of ``error`` that are set, ready for the wire."""
    facts: dict[str, Any] = {"kind": error.kind, "message": error.message}
    for name in _FACTS:
        value = getattr(error, name)
        if name == "ranks":
            value = list(value) or None
        if value is not None:
            facts[name] = value
    return facts


def error_from_facts(facts: dict[str, Any]) -> NestdError:
    """Return the error that :func:`facts_of` described.

    Raises
    ------
    ProtocolError
        If ``facts`` describe no error of this tree.
    """
    facts = dict(facts)
    kind = facts.pop("kind", None)
    error_class = ERROR_KINDS.get(kind) if isinstance(kind, str) else None
    if error_class is None:
        raise ProtocolError(f"unknown kind of error {kind!r:.80}")
    message = facts.pop("message", None)
    if not isinstance(message, str) or any(
        name not in _FACTS or not isinstance(value, _FACTS[name]) for name, value in facts.items()
    ):
        raise ProtocolError("a failure with facts of the wrong type")
    ranks = facts.pop("ranks", [])
    if not all(type(rank) is int for rank in ranks):
        raise ProtocolError("a failure with ranks that are no numbers")
    return error_class(message, ranks=tuple(ranks), **facts)
