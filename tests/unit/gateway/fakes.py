"""Kernel client that tests tell what its kernel does, and that keeps what it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gateway.jobs.jobs import Jobs
from gateway.jobs.reconciler import JobReconciler
from gateway.jobs.rules import final_state
from gateway.kernel.client import KernelClient
from gateway.kernel.pending import PendingRequest, PendingRequests, label_of
from gateway.kernel.status import KernelStatus
from gateway.settings import MIB, GatewaySettings, JobLimits
from protocol.errors import KernelLost, KernelUnavailable, MalformedRequest, NestdError
from protocol.runtime.connection_file import ConnectionInfo
from protocol.runtime.data_directory import DataDirectory
from protocol.runtime.job_store import Spool
from protocol.runtime.paths import RuntimeDirectory
from protocol.runtime.status_file import Status
from protocol.runtime.stored_job import StoredJob
from protocol.wire.messages import Action, Command, Message, Operation, Result, Script, Task
from protocol.wire.values import Reference
from tests.unit.kernels import kernel_in

GENERATION = "0a1b2c3d"
#: A kernel in this process.
KERNEL = kernel_in(generation=GENERATION)


def gateway_settings(
    directory: Path, jobs: JobLimits, token: str | None = None, desktop: Path | None = None
) -> GatewaySettings:
    """Return the settings of a gateway whose kernel would be in ``directory``."""
    return GatewaySettings(
        connection_file=directory / "connection.json",
        exit_file=directory / "exit.json",
        data=DataDirectory(directory / "data", MIB),
        token=token,
        origins=(),
        body_limit_bytes=MIB,
        parts_bytes=MIB,
        queue_limit=4,
        jobs=jobs,
        hangup_s=None,
        scripts_refused=None,
        host="127.0.0.1",
        desktop=desktop,
    )


class FakeStatus(KernelStatus):
    """Status of a kernel that is what the test says."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "connection.json")
        self.kernel: ConnectionInfo | None = KERNEL
        self.present = Status()

    def info(self) -> ConnectionInfo | None:
        return self.kernel

    def read(self) -> Status:
        return self.present

    def awaited_ranks(self) -> list[dict[str, Any]]:
        return []


@dataclass
class FakeKernel:
    """Kernel client without sockets."""

    status: FakeStatus
    requests: PendingRequests = field(default_factory=lambda: PendingRequests(3))
    sent: list[Message] = field(default_factory=list)
    is_reachable: bool = True

    @property
    def link(self) -> FakeKernel:
        return self

    @property
    def exit_reasons(self) -> FakeKernel:
        return self

    def lost(self, info: ConnectionInfo, label: str, call: str | None) -> NestdError:
        """Return the error for a command that a kernel took with it."""
        return KernelLost(f"kernel {info.generation} ended during {label}", call=call)

    def notify(self, message: Message, kernel: ConnectionInfo | None = None) -> None:
        """Keep a message, or fail."""
        if not self.is_reachable:
            raise KernelUnavailable("the network is cut")
        self.sent.append(message)

    def ask(self, task: Task, caller: object = None) -> Result:
        """Answer a task with the name of its call, and as a reference if that may be."""
        self.sent.append(task)
        if label_of(task) == "fail":
            raise MalformedRequest("no such call")
        value = Reference("Call", 1, GENERATION) if task_references(task) else label_of(task)
        return Result(task.id, GENERATION, value)

    def known(self, operation: Operation) -> Result | None:
        """Return nothing: the kernel is asked."""
        return None

    def wait_for(self, id: str, label: str = "Simulate") -> None:
        """Add a request whose caller waits."""
        self.requests.add(PendingRequest(id, label, 1.0, GENERATION))


@dataclass
class JobsUnderTest:
    """Jobs of a gateway whose kernel is a fake, with all that they touch."""

    kernel: FakeKernel
    jobs: Jobs
    reconciler: JobReconciler
    spool: Spool
    events: list[tuple[str, str]]

    def submit(self, id: str, call: str = "Create", has_key: bool = False) -> StoredJob:
        """Submit a call."""
        return self.jobs.submit(command(id, call), "json", has_key)


def task_references(task: Task) -> bool:
    """Return whether the answer may have references."""
    return not isinstance(task, Script) and task.references


def command(id: str, call: str = "Create") -> Command:
    """Make a command."""
    return Command(id, Operation(Action.CALL_JSON, call, ["iaf_psc_alpha"]))


def jobs_under_test(directory: Path, limits: JobLimits) -> JobsUnderTest:
    """Make jobs in ``directory``; nothing is reconciled but when asked for."""
    fake = FakeKernel(FakeStatus(directory))
    kernel, events = cast(KernelClient, fake), list[tuple[str, str]]()
    jobs = Jobs(
        kernel,
        limits,
        lambda kind, facts: events.append((facts["job"], facts["state"])),
        lambda id, label, answer: events.append((id, final_state(answer))),
    )
    return JobsUnderTest(
        fake, jobs, jobs._reconciler, Spool(RuntimeDirectory(directory).jobs), events
    )
