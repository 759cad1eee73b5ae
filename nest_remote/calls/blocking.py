"""Blocking requests to the kernel that show progress and end on Ctrl-C."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

from nest_remote.calls.progress_bar import ProgressBar, is_seen
from nest_remote.errors import NESTServerError
from nest_remote.http.connection import HttpConnection
from nest_remote.http.parts import deliver
from nest_remote.http.reply import Reply
from protocol.wire.messages import FINAL_STATES
from protocol.wire.values import Buffer

#: What ends sooner is not worth a bar, nor a request about it.
DELAY_S = 1.0
#: Between two looks at how far it is.
LOOK_S = 0.2
#: A server that does not say in time how far it is: then there is no bar.
_SAY_S = 5.0
#: How long Ctrl-C waits for the end of what it has cancelled.
END_S = 10.0
#: For so long a request may be on its way to where it can be cancelled.
_ARRIVAL_S = 0.5


def can_show() -> bool:
    """Tell whether a progress bar would be seen. Only the main thread draws one."""
    return threading.current_thread() is threading.main_thread() and is_seen()


def ask(
    connection: HttpConnection, path: str, body: list[Buffer], label: str, shows: bool
) -> Reply:
    """Send a ``POST`` that the kernel may need long for, and return its reply.

    Ctrl-C cancels it on the server, waits for its end, and raises ``KeyboardInterrupt``; a second
    one does not wait.

    Parameters
    ----------
    connection : to the server
    path, body : of the request
    label : of what it asks for
    shows : whether a bar shows how far it is, if it takes longer than a second and is seen

    Raises
    ------
    NESTServerError
        If no server answered.
    """
    return deliver(
        connection, body, lambda body, more: _ask(connection, path, body, more, label, shows)
    )


def _ask(
    connection: HttpConnection,
    path: str,
    body: list[Buffer],
    headers: dict[str, str],
    label: str,
    shows: bool,
) -> Reply:
    # Chosen here, so that it can be cancelled without having asked for anything before.
    id = secrets.token_hex(8)

    def send() -> Reply:
        return connection.send("POST", path, body, headers | {"X-Job-ID": id})

    if not (shows and can_show()):
        try:
            return send()
        except KeyboardInterrupt:
            _cancel(connection, id, label, _never)
        raise KeyboardInterrupt(interrupted(label))
    answer = _in_thread(send)
    try:
        if not _has_come(answer, DELAY_S):
            _show(connection, id, label, answer)
    except KeyboardInterrupt:
        _cancel(connection, id, label, lambda wait_s: _has_come(answer, wait_s))
    else:
        return answer.result()
    # Out here it has no traceback of the wait.
    raise KeyboardInterrupt(interrupted(label))


def interrupted(label: str) -> str:
    """Return the message of the ``KeyboardInterrupt`` of what was cancelled."""
    return f"{label} was interrupted; what the server had done of it until then stays"


def too_late(label: str) -> str:
    """Return the message of the ``KeyboardInterrupt`` of what has not ended in time."""
    return f"{label} can't be interrupted at the moment; the server ends it as soon as it can"


def look(connection: HttpConnection, id: str) -> dict[str, Any] | None:
    """Return the server's description of a job; ``None`` if the server gives none."""
    try:
        reply = connection.send("GET", f"/jobs/{id}", timeout_s=_SAY_S)
        found: dict[str, Any] = reply.json()
    except (NESTServerError, ValueError):
        return None
    return found


def _in_thread(send: Callable[[], Reply]) -> futures.Future[Reply]:
    """Send a request in a daemon thread and return the future of its reply."""
    answer: futures.Future[Reply] = futures.Future()

    def run() -> None:
        try:
            answer.set_result(send())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="request", daemon=True).start()
    return answer


def _has_come(answer: futures.Future[Reply], wait_s: float) -> bool:
    return bool(futures.wait([answer], wait_s).done)


def _never(wait_s: float) -> bool:
    """Replace :func:`_has_come` where no thread receives the answer any more."""
    time.sleep(wait_s)
    return False


def _show(connection: HttpConnection, id: str, label: str, answer: futures.Future[Reply]) -> None:
    """Show the progress of a request until its answer has arrived."""
    with ProgressBar(label) as bar:
        while not _has_come(answer, LOOK_S):
            job = look(connection, id)
            if job is not None:
                bar.show(job)
        if answer.exception() is None and answer.result().status == 200:
            bar.complete()


def _cancel(
    connection: HttpConnection, id: str, label: str, has_come: Callable[[float], bool]
) -> None:
    """End a request of this session.

    Parameters
    ----------
    connection : to the server
    id, label : of the request
    has_come : waits for so many seconds at most, and says whether its answer has come

    Raises
    ------
    KeyboardInterrupt
        If it has not ended in time, or the next Ctrl-C came.
    """
    began_s = time.monotonic()
    was_known = False
    while not has_come(0.0):
        past_s = time.monotonic() - began_s
        if past_s > END_S:
            raise KeyboardInterrupt(too_late(label))
        try:
            reply = connection.send("DELETE", f"/jobs/{id}", timeout_s=_SAY_S)
        except NESTServerError:
            # Who hangs up is cancelled, too, if the server is there at all.
            return
        if reply.status in (200, 202):
            was_known = True
            if reply.json()["state"] in FINAL_STATES:
                has_come(_ARRIVAL_S)
                return
        elif reply.status != 404 or was_known or past_s > _ARRIVAL_S:
            return
        has_come(LOOK_S / 4)
