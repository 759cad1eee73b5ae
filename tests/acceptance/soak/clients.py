"""Clients that do as they should: calls, scripts, jobs, readers of events."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import requests

from protocol.process.polling import poll_until
from protocol.runtime.job_store import new_name
from tests.acceptance.soak.accounts import Outcome
from tests.acceptance.soak.asking import PATIENCE_S, Asking, close_by
from tests.acceptance.soak.faults import FULL_BYTES
from tests.integration.pending import ENDLESS_MS
from tests.integration.test_jobs import FINAL

#: What a request was not executed for that ended so.
_NOT_EXECUTED = ("QueueFull", "KernelUnavailable")


def look(a: Asking) -> None:
    """Ask for what is answered without the kernel."""
    a.ask("look", "GET", a.chance.choice(("/", "/healthz", "/jobs", "/metrics")))


def read(a: Asking) -> None:
    """Ask the kernel for something."""
    path, body = a.chance.choice(
        (
            ("/api/biological_time", None),
            ("/api/GetKernelStatus", ["resolution"]),
            ("/api/GetDefaults", ["iaf_psc_alpha", "C_m"]),
        )
    )
    a.ask("call", "POST", path, body)


def make(a: Asking) -> None:
    """Ask for a neuron that is told from all others."""
    number, body = a.ledger.body()
    reply = a.ask("Create", "POST", "/api/Create", body)
    if reply is not None and reply.ok:
        a.ledger.executed(number, reply.headers["NEST-Kernel-Generation"])
    elif reply is not None and reply.json().get("error") in _NOT_EXECUTED:
        a.ledger.not_executed(number)


def mistake(a: Asking) -> None:
    """Ask for something wrong."""
    path, body, headers = a.chance.choice(
        (
            ("/api/Create", ["no_such_model"], None),
            ("/api/Nope", None, None),
            ("/api/Simulate", ["much"], None),
            ("/nowhere", None, None),
            ("/api/Create", ["iaf_psc_alpha"], {"NESTServerAuth": "wrong"}),
            ("/exec", {"source": "1 / 0"}, None),
            ("/exec", {"source": "open('/etc/passwd')"}, None),
            ("/jobs/0123456789abcdef/result", None, None),
        )
    )
    a.ask("mistake", "POST", path, body, refusable=True, headers=headers)


def script(a: Asking) -> None:
    """A script that calls the kernel."""
    source = "import nest\nprint(nest.network_size)\nnest.Simulate(5.0)\nt = nest.biological_time"
    reply = a.ask("script", "POST", "/exec", {"source": source, "return": "t"})
    if reply is not None and reply.ok and not reply.json()["data"] > 0.0:
        a.accounts.note(f"script: a wrong answer: {reply.text:.200}")


def hungry_script(a: Asking) -> None:
    """A script that wants more memory than it may have."""
    body = {"source": "x = [0] * 10\nwhile True:\n    x = x + x", "return": "x"}
    a.ask("hungry script", "POST", "/exec", body, refusable=True)


def simulate(a: Asking) -> None:
    """A short simulation."""
    a.ask("Simulate", "POST", "/api/Simulate", [a.chance.choice((1.0, 10.0, 100.0))])


def job(a: Asking) -> None:
    """A job, which is cancelled half the time, and looked at until it ends."""
    number, body = a.ledger.body()
    _job(a, "/api/Create", body, number, a.chance.random() < 0.5)


def long_job(a: Asking) -> None:
    """A simulation without an end, that keeps the others waiting until it is cancelled."""
    _job(a, "/api/Simulate", [ENDLESS_MS], None, True, a.chance.uniform(0.1, 0.7))


def large_job(a: Asking) -> None:
    """A job that is, or has an answer that is, large."""
    source = "x = 'x' * " + str(2 * FULL_BYTES)
    if a.chance.random() < 0.5:
        source = f"x = '{'x' * 2 * FULL_BYTES}'"
    _job(a, "/exec", {"source": source, "return": "x"}, None, False)


def _job(
    a: Asking, path: str, body: Any, number: int | None, cancel: bool, after_s: float = 0.0
) -> None:
    key = {"Prefer": "respond-async", "Idempotency-Key": new_name()}
    # Sent again where the gateway was killed, the key makes one job of it.
    for _ in range(20):
        reply = a.ask("job", "POST", path, body, headers=key)
        if reply is not None:
            break
        time.sleep(0.3)
    if reply is None or reply.status_code != 202:
        if reply is not None and number is not None and reply.json()["error"] in _NOT_EXECUTED:
            a.ledger.not_executed(number)
        return
    entry = a.accounts.open("job accepted")
    at = f"/jobs/{reply.json()['id']}"
    if after_s:
        time.sleep(after_s)
    if cancel:
        a.ask("cancel", "DELETE", at)
    view: dict[str, Any] = {}

    def ended() -> bool:
        found = a.ask("look", "GET", at)
        if found is not None and (found.status_code == 404 or found.ok):
            view.update(found.json(), status=found.status_code)
        if cancel and found is not None and found.ok and found.json()["state"] not in FINAL:
            # The request to cancel it may have been lost.
            a.ask("cancel", "DELETE", at)
        return view.get("status") == 404 or view.get("state") in FINAL

    if not poll_until(ended, PATIENCE_S, 0.1):
        entry.close(Outcome.UNANSWERED, f"{at} does not end: {view}")
    elif view["status"] == 404:
        entry.close(Outcome.UNREASONED, f"{at} is lost")
    elif view["state"] == "done":
        entry.close(Outcome.ANSWERED)
        if number is not None:
            a.ledger.executed(number, view["generation"])
        a.ask("result", "GET", f"{at}/result")
    elif not view.get("message"):
        entry.close(Outcome.UNREASONED, f"{at} is {view}")
    elif view["state"] == "cancelled":
        entry.close(Outcome.CANCELLED if cancel else Outcome.UNREASONED, f"{at} is {view}")
        if number is not None:
            a.ledger.not_executed(number)
    else:
        # Judged as if somebody had waited for it: what is its script's own is no fault of others.
        own = _result_status(a, at) == 400
        said = f"{at} failed: {view['message']}; it is {view}"
        entry.close(Outcome.REFUSED if own else Outcome.FAILED, said)


def _result_status(a: Asking, at: str) -> int | None:
    """The status with which a job's result is told; ``None`` if nobody tells it."""

    def status() -> int | None:
        with contextlib.suppress(requests.RequestException):
            reply = requests.get(
                f"{a.server.url}{at}/result", headers=a.headers, timeout=PATIENCE_S
            )
            return reply.status_code
        return None

    found: int | None = poll_until(status, PATIENCE_S, 0.1)
    return found


def listen(a: Asking) -> None:
    """Read what happens for a while."""
    entry = a.accounts.open("events")
    end_s = time.monotonic() + a.chance.uniform(0.2, 2.0)
    try:
        with requests.get(
            f"{a.server.url}/events", headers=a.headers, stream=True, timeout=PATIENCE_S
        ) as reply:
            if reply.status_code != 200:
                entry.close(Outcome.UNREASONED, f"{reply.status_code} {reply.text:.200}")
                return
            for _ in reply.iter_content(None):
                if time.monotonic() > end_s:
                    entry.close(Outcome.GIVEN_UP)
                    return
            # A gateway that is replaced ends its readers, in order.
            entry.close(Outcome.ANSWERED)
    except requests.RequestException as error:
        entry.close(Outcome.LOST, f"events: {error}")


def read_slowly(a: Asking) -> None:
    """Take a large answer a bit at a time, or only its beginning."""
    entry = a.accounts.open("slow reader")
    size = 3_000_000
    body = {"source": f"x = 'x' * {size}", "return": "x"}
    gives_up = a.chance.random() < 0.5
    try:
        with requests.post(
            f"{a.server.url}/exec", json=body, headers=a.headers, stream=True, timeout=PATIENCE_S
        ) as reply:
            if reply.status_code != 200:
                close_by(entry, reply.status_code, reply.content, "slow reader")
                return
            found = 0
            for data in reply.iter_content(1 << 17):
                found += len(data)
                time.sleep(0.05)
                if gives_up and found > size // 4:
                    entry.close(Outcome.GIVEN_UP)
                    return
        if found < size:
            entry.close(Outcome.UNREASONED, f"{found} of {size} bytes")
        else:
            entry.close(Outcome.ANSWERED)
    except requests.RequestException as error:
        entry.close(Outcome.LOST, f"slow reader: {error}")
