"""Jobs: calls and scripts that the server executes while no caller waits."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

from nest_remote.calls.blocking import DELAY_S, can_show
from nest_remote.calls.progress import Progress
from nest_remote.calls.progress_bar import ProgressBar
from nest_remote.http.connection import HttpConnection
from nest_remote.http.reply import Reply
from nest_remote.http.transport import HttpTransport, value_of
from nest_remote.session import Session, to_value
from nest_remote.warned import tell
from protocol.errors import NestdError
from protocol.wire.messages import FINAL_STATES

#: Between two looks at whether it has ended, first and at most.
_FIRST_LOOK_S = 0.01
_LOOK_S = 0.25


class Job:
    """A call or a script that the server executes, or has executed.

    A job goes on when this object, this program and the connection are gone. Everything but
    :attr:`id` and :attr:`what` asks the server.

    Parameters
    ----------
    session : whose objects are in its result
    facts : what the server says of it

    Attributes
    ----------
    id : its name on the server, by which another session finds it
    what : the PyNEST call, or ``"script"``

    Raises
    ------
    NESTServerError
        By everything that asks, if the server does not answer, or does not keep the job any more.
    """

    def __init__(self, session: Session, facts: dict[str, Any]) -> None:
        self._session = session
        self._facts = facts
        self._reply: Reply | None = None
        self._result: list[Any] = []
        self.id: str = facts["id"]
        self.what: str = facts["what"]

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``done``, ``failed`` or ``cancelled``."""
        found: str = self._look()["state"]
        return found

    @property
    def progress(self) -> Progress | None:
        """Progress of the job's simulation; ``None`` if the job does not simulate at the moment."""
        return Progress.of(self._look())

    @property
    def output(self) -> str:
        """Text that the job's script has printed so far; empty for a call."""
        reply = self._send("GET", "/output")
        if reply.status != 200:
            raise reply.error()
        return reply.text()

    @property
    def created(self) -> datetime:
        """Time at which the server accepted the job."""
        return datetime.fromisoformat(self._facts["created"])

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended.

        A bar shows how far a simulation is, as for a call. Ctrl-C ends the wait, not the job.

        Parameters
        ----------
        timeout : seconds to wait at most; ``None`` for as long as it takes

        Returns
        -------
        Whether it has ended.
        """
        began_s = time.monotonic()
        pause_s = _FIRST_LOOK_S
        transport = _transport(self._session)
        with ProgressBar(self.what) as bar:
            while True:
                facts = self._look()
                past_s = time.monotonic() - began_s
                if facts["state"] in FINAL_STATES:
                    if facts["state"] == "done":
                        bar.complete()
                    return True
                if transport.progress and past_s > DELAY_S and can_show():
                    bar.show(facts)
                if timeout is not None:
                    if past_s >= timeout:
                        return False
                    pause_s = min(pause_s, timeout - past_s)
                # The server answers what is known now; it has no request that waits for the end.
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LOOK_S)

    def result(self, timeout: float | None = None) -> Any:
        """Return what the call would have returned, once the job has ended.

        Parameters
        ----------
        timeout : seconds to wait at most; ``None`` for as long as it takes

        Raises
        ------
        Exception
            What the call would have raised.
        TimeoutError
            If the job has not ended in time. The job goes on.
        """
        # Objects of NEST are let go with what stands for them here, and are not there twice.
        if not self._result:
            if not self.wait(timeout):
                raise TimeoutError(f"{self.what} has not ended after {timeout:g} s")
            self._result.append(self._value(self._send("GET", "/result")))
        return self._result[0]

    def cancel(self) -> str:
        """Cancel the job at the next occasion and return its state.

        One that waits ends at once, a simulation where it is, a script in the middle. What can't be
        interrupted is ``running`` still, and ends a little later.
        """
        found: str = self._send("DELETE", "").json()["state"]
        return found

    def _value(self, reply: Reply) -> Any:
        if self.what == "script" and reply.status != 200:
            tell(reply.warnings)
            raise reply.error()
        if reply.status == 200 and not reply.is_msgpack:
            tell(reply.warnings)
            # Somebody asked for it who takes JSON.
            return json.loads(reply.text())
        try:
            return value_of(reply, self._session.object_for)
        except NestdError as error:
            raise self._session.exception(error) from None

    def _look(self) -> dict[str, Any]:
        self._facts = self._send("GET", "").json()
        return self._facts

    def _send(self, method: str, path: str) -> Reply:
        connection: HttpConnection = _transport(self._session).connection
        return connection.send(method, f"/jobs/{quote(self.id, safe='')}{path}")

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.what}, {self._facts['state']}>"


def submit(session: Session, call: str, *args: Any, **kwargs: Any) -> Job:
    """Submit a call as a job, without waiting for the call.

    Raises
    ------
    Exception
        If the server does not take it. What NEST has against it, :meth:`Job.result` raises.
    """
    try:
        facts = _transport(session).submit(session.operation(call, *args, **kwargs), to_value)
    except NestdError as error:
        raise session.exception(error) from None
    return Job(session, facts)


def submit_script(
    session: Session, source: str, returns: str | list[str] | None, program: dict[str, Any]
) -> Job:
    """Submit a script as a job, without waiting for the script."""
    return Job(session, _transport(session).submit_script(source, returns, program))


def jobs(session: Session) -> list[Job]:
    """Return the jobs that the server keeps and requests that wait, in order of arrival."""
    return [Job(session, facts) for facts in _transport(session).get("/jobs")]


def job(session: Session, id: str) -> Job:
    """Return the job with that id.

    Raises
    ------
    NESTServerError
        If there is none.
    """
    return Job(session, _transport(session).get(f"/jobs/{quote(id, safe='')}"))


def _transport(session: Session) -> HttpTransport:
    if not isinstance(session.transport, HttpTransport):
        raise TypeError("jobs are for sessions with a server")
    return session.transport
