"""HTTP status of every error, in one table that a test holds complete."""

from __future__ import annotations

from protocol import errors
from protocol.errors import NestdError

#: HTTP status of each error. 400 is what clients of NEST Server read for anything that the
#: caller caused, NEST's own errors included.
STATUS: dict[type[NestdError], int] = {
    errors.NestdError: 500,
    errors.ProtocolError: 500,
    # Of what a caller or a script has sent, in a message around it.
    errors.TooManyValues: 413,
    errors.VersionMismatch: 500,
    errors.CallerError: 400,
    errors.MalformedRequest: 400,
    errors.RequestTooLarge: 413,
    errors.Refused: 403,
    errors.UnknownCall: 404,
    errors.UnknownJob: 404,
    errors.UnknownFile: 404,
    # Not 507, for the reason that Cancelled has.
    errors.DataDirectoryFull: 400,
    errors.ArgumentError: 400,
    errors.StaleReference: 400,
    errors.KernelError: 400,
    errors.ScriptError: 400,
    # Not the caller's doing, but what several clients can read.
    errors.Cancelled: 400,
    errors.Unavailable: 503,
    errors.QueueFull: 503,
    errors.KernelUnavailable: 503,
    errors.KernelLost: 503,
    errors.LinkLost: 503,
    errors.Diverged: 500,
    errors.InternalError: 500,
    errors.ConfigurationError: 500,
    errors.PortTaken: 500,
    errors.StartFailed: 500,
}
