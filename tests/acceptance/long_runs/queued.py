"""Jobs that wait in the queue, and callers, gateways and kernels that end meanwhile."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from protocol.process.polling import poll_until
from protocol.runtime.job_store import new_name
from tests.acceptance.long_runs.findings import Finding
from tests.acceptance.long_runs.placed import Setting
from tests.integration.pending import ENDLESS_MS, await_end, kill, processes
from tests.integration.servers import DEADLINE_S, Server

FINAL = frozenset(["done", "failed", "cancelled"])
CLIENTS = 20
#: Far above what a job may take to come to its end while kernels and gateways come back.
_END_S = 180.0
_ORDER = {"queued": 0, "running": 1} | dict.fromkeys(FINAL, 2)
#: What is done about a job; the last two are of callers who wait for it.
_PLANS = ("let it be", "cancel", "cancel later", "hang up", "kill the caller")
_WAITED_FOR = _PLANS[3:]
#: Tells the neuron that a job makes from all others: its capacitance in pF.
_BASE_PF = 1000.0
_SETTINGS = {
    "NEST_SERVER_HANGUP": "0.2",
    "NEST_SERVER_QUEUE_LIMIT": "400",
    "NEST_SERVER_JOBS_KEPT": "2000",
}


@dataclass(frozen=True)
class Variant:
    """What is killed meanwhile."""

    name: str
    gateways: int = 0
    kernels: int = 0


VARIANTS = (
    Variant("nothing is killed"),
    Variant("the gateway is killed 5 times", gateways=5),
    Variant("the gateway is killed 5 times, and a rank once", gateways=5, kernels=1),
)


@dataclass
class _Job:
    """What became of one of the jobs."""

    number: int
    plan: str
    #: Its name, once it was accepted.
    id: str = ""
    #: All final states that anybody has seen of it, and steps back.
    seen: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


class _Asking:
    """Requests that are sent again while there is no gateway, or no kernel."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> requests.Response:
        def send() -> list[requests.Response]:
            with contextlib.suppress(requests.RequestException):
                reply = requests.request(
                    method,
                    self._server.url + path,
                    json=body,
                    headers={"NESTServerAuth": self._server.token or ""} | headers,
                    timeout=DEADLINE_S,
                )
                if reply.status_code != 503 or path.endswith("/result"):
                    # A reply that tells of an error counts as false.
                    return [reply]
            return []

        found = poll_until(send, DEADLINE_S)
        if not found:
            raise AssertionError(f"{method} {path} gets no answer")
        return found[0]


class _Watcher:
    """Looks at all jobs over and over, and notes every state."""

    def __init__(self, ask: _Asking) -> None:
        self._ask = ask
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.states: dict[str, list[str]] = {}
        self.looks = 0

    def _watch(self) -> None:
        while not self._done.is_set():
            for job in self._ask("GET", "/jobs").json():
                states = self.states.setdefault(job["id"], [])
                if not states or states[-1] != job["state"]:
                    states.append(job["state"])
            self.looks += 1

    def __enter__(self) -> _Watcher:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def gone_back(self) -> list[tuple[str, list[str]]]:
        """Jobs that were in a state after one that is later, or in two final ones."""
        return [
            (id, states)
            for id, states in self.states.items()
            if [_ORDER[one] for one in states] != sorted({_ORDER[one] for one in states})
        ]


class _Trial:
    """One run of a variant."""

    def __init__(self, server: Server, variant: Variant, count: int, chance: random.Random) -> None:
        self._server = server
        self._variant = variant
        self._ask = _Asking(server)
        self._chance = chance
        plans = [_PLANS[n % len(_PLANS)] for n in range(count)]
        chance.shuffle(plans)
        self.jobs = [_Job(number, plan) for number, plan in enumerate(plans)]
        self._made = threading.Semaphore(0)
        self._clients_left = -(-count // (-(-count // CLIENTS)))
        #: All have asked for all.
        self._all_made = threading.Event()
        self._all_done = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> _Watcher:
        """Have all clients do what they are to do."""
        with _Watcher(self._ask) as watcher, ThreadPoolExecutor(CLIENTS + 2) as pool:
            blocking = pool.submit(self._block)
            killing = pool.submit(self._kill)
            share = -(-len(self.jobs) // CLIENTS)
            clients = [
                pool.submit(self._client, self.jobs[at : at + share])
                for at in range(0, len(self.jobs), share)
            ]
            try:
                for one in clients:
                    one.result()
            finally:
                self._all_done.set()
            killing.result()
            blocking.result()
            self._await_callers()
        return watcher

    def _block(self) -> None:
        """Have the kernel simulate most of the time, so that jobs wait; in turns."""
        key = {"Prefer": "respond-async"}
        longest_s = DEADLINE_S / 2
        while not self._all_done.is_set():
            self._ask("POST", "/api/Create", ["iaf_psc_alpha"])
            job = self._ask("POST", "/api/Simulate", [ENDLESS_MS], **key).json()
            path = f"/jobs/{job['id']}"
            # It ends without anybody's doing if its kernel is killed.
            self._all_made.wait(longest_s)
            self._all_done.wait(self._chance.uniform(0.2, 3.0))
            longest_s = 0.0
            self._ask("DELETE", path)
            ended = poll_until(lambda p=path: self._state(p) in FINAL, DEADLINE_S)
            if not ended:
                raise AssertionError(f"{path} does not end: {self._ask('GET', path).text}")
            # What waits has its turn, then.
            self._all_done.wait(self._chance.uniform(0.0, 0.3))

    def _state(self, path: str) -> str:
        found: str = self._ask("GET", path).json().get("state", "")
        return found

    def _kill(self) -> None:
        """Kill gateways and kernels, evenly over the jobs that are accepted, in any order."""
        victims = ["gateway"] * self._variant.gateways + ["kernel"] * self._variant.kernels
        self._chance.shuffle(victims)
        for victim in victims:
            for _ in range(len(self.jobs) // (len(victims) + 1)):
                self._made.acquire()
            if victim == "gateway":
                found = poll_until(lambda: processes(self._server, "gateway"), DEADLINE_S)
                with contextlib.suppress(ProcessLookupError):
                    kill(*found)
            else:
                self._kill_a_rank()

    def _kill_a_rank(self) -> None:
        ranks = poll_until(self._rank_pids, DEADLINE_S)
        pid = self._chance.choice(ranks)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await_end(pid)

    def _rank_pids(self) -> list[int]:
        try:
            return [one["pid"] for one in self._server.connection_info()["processes"]]
        except FileNotFoundError:
            return []

    def _client(self, jobs: list[_Job]) -> None:
        """Ask for all of them first, then do about each what its plan says."""
        callers: dict[int, subprocess.Popen[bytes]] = {}
        try:
            for job in jobs:
                if job.plan in _WAITED_FOR:
                    callers[job.number] = self._waiting_caller(job)
                else:
                    self._submit(job)
                self._made.release()
            with self._lock:
                self._clients_left -= 1
                if not self._clients_left:
                    self._all_made.set()
            for job in jobs:
                if job.plan in _WAITED_FOR:
                    caller = callers[job.number]
                    caller.send_signal(
                        signal.SIGKILL if job.plan == "kill the caller" else signal.SIGTERM
                    )
                else:
                    self._see_to(job)
        finally:
            for caller in callers.values():
                caller.kill()
                caller.wait()

    def _body(self, job: _Job) -> list[Any]:
        return ["iaf_psc_alpha", 1, {"C_m": _BASE_PF + job.number}]

    def _waiting_caller(self, job: _Job) -> subprocess.Popen[bytes]:
        job.id = new_name()
        params = f'{{"C_m": {_BASE_PF + job.number}}}'
        return subprocess.Popen(
            [
                *("curl", "-s", "-o", os.devnull, f"{self._server.url}/api/Create"),
                *("-H", f"NESTServerAuth: {self._server.token}", "-H", f"X-Job-ID: {job.id}"),
                *("-d", f'["iaf_psc_alpha", 1, {params}]'),
            ]
        )

    def _submit(self, job: _Job) -> None:
        # The key makes one job of what has to be sent again as the gateway died.
        keys = {"Prefer": "respond-async", "Idempotency-Key": f"key {job.number}"}
        reply = self._ask("POST", "/api/Create", self._body(job), **keys)
        if reply.status_code != 202:
            raise AssertionError(f"job {job.number} is refused: {reply.text}")
        job.id = reply.json()["id"]

    def _see_to(self, job: _Job) -> None:
        path = f"/jobs/{job.id}"
        if job.plan == "cancel later":
            self._ask("POST", "/api/biological_time")
        if job.plan != "let it be":
            reply = self._ask("DELETE", path)
            if reply.status_code not in (200, 202):
                job.wrong.append(f"its cancelling was answered {reply.status_code}: {reply.text}")
        began_s = time.monotonic()
        if not poll_until(lambda: self._state(path) in FINAL, _END_S):
            view = self._ask("GET", path).text
            job.wrong.append(f"does not end in {time.monotonic() - began_s:.0f} s: {view}")

    def _await_callers(self) -> None:
        """Return when no request waits any more."""

        def waiting() -> list[Any]:
            return [job for job in self._ask("GET", "/jobs").json() if job["waited_for"]]

        if not poll_until(lambda: not waiting(), DEADLINE_S):
            raise AssertionError(f"requests without callers still wait: {waiting()}")

    def judge(self, watcher: _Watcher) -> tuple[Counter[str], list[str]]:
        """In which states jobs have ended, and what is wrong."""
        wrong = [f"job {one.number} ({one.plan}) {said}" for one in self.jobs for said in one.wrong]
        wrong += [f"job {id} went {' > '.join(states)}" for id, states in watcher.gone_back()]
        listed = {job["id"]: job for job in self._ask("GET", "/jobs").json()}
        generation = self._ask("GET", "/").json()["generation"]
        size = self._ask("POST", "/api/network_size").json()
        made = Counter(
            round(c_m - _BASE_PF)
            for c_m in self._ask("POST", "/api/GetStatus", [list(range(1, size + 1)), "C_m"]).json()
        )
        states: Counter[str] = Counter()
        for job in self.jobs:
            times = made[job.number]
            if job.plan in _WAITED_FOR:
                if times > 1:
                    wrong.append(f"job {job.number} ({job.plan}) was executed {times} times")
                states["of callers who left"] += 1
                continue
            view = listed.get(job.id)
            if view is None:
                wrong.append(f"job {job.number} ({job.plan}) is lost")
                continue
            states[view["state"]] += 1
            here = view["generation"] == generation
            if times != (view["state"] == "done" and here):
                wrong.append(f"job {job.number} was executed {times} times here, but is {view}")
            fine = {"done"} if job.plan == "let it be" else {"done", "cancelled"}
            if not here:
                # Its kernel may have taken it along.
                fine.add("failed")
            if view["state"] not in fine:
                wrong.append(f"job {job.number} ({job.plan}) is {view}")
        return states, wrong


@contextmanager
def _said_of_failures(server: Server) -> Iterator[None]:
    try:
        yield
    except BaseException:
        print(server.log(), flush=True)
        raise


def run(setting: Setting, ranks: int) -> Iterator[Finding]:
    """Findings of this part."""
    count = 40 if setting.short else 200
    for variant in VARIANTS:
        setting.say(f"queued: {variant.name}, {ranks} rank(s)")
        with setting.server(ranks, _SETTINGS) as server, _said_of_failures(server):
            seed = random.randrange(2**32)
            trial = _Trial(server, variant, count, random.Random(seed))
            began_s = time.monotonic()
            watcher = trial.run()
            states, wrong = trial.judge(watcher)
            took_s = time.monotonic() - began_s
            for one in wrong:
                setting.say(f"WRONG: {one}")
            if wrong:
                print(server.log(), flush=True)
        said = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        found = f"{count} jobs: {said}; {watcher.looks} looks in {took_s:.0f} s, seed {seed}"
        if wrong:
            found += f"; {len(wrong)} wrong: {wrong[0]}"
        yield Finding("queued", variant.name, ranks, found, not wrong)
