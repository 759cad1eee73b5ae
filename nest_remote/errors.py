"""What a caller's program sees when a remote call fails."""

from __future__ import annotations


class NESTServerError(Exception):
    """The server refused or failed a call.

    Attributes
    ----------
    message : what NEST or the server said, NEST's error name included
    error_name : NEST's or Python's name of the error, such as ``UnknownModelName``
    status : HTTP status; 400 and 404 mean that the call was wrong, 403 the token, 503 that
        it may work later; 0 if no server answered
    """

    def __init__(self, message: str, error_name: str, status: int) -> None:
        super().__init__(message)
        self.message = message
        self.error_name = error_name
        self.status = status
