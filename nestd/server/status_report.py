"""Report of ``nest-server status`` about a server."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from nest_remote.calls.progress import Progress, clock
from nestd.server.http_probe import ask
from nestd.server.instance import Instance


def describe(found: Instance) -> dict[str, Any]:
    """Return all that is known of a server, as for JSON."""
    answer = ask(found, "/", timeout_s=2.0) or {}
    jobs = ask(found, "/jobs", timeout_s=2.0) or []
    queued = sum(job["state"] == "queued" for job in jobs)
    return {
        "urls": found.urls,
        "host": found.host,
        "ports": list(found.ports),
        "state": answer.get("state", "not answering"),
        "nest": answer.get("nest"),
        "mpi": answer.get("mpi"),
        "ranks": answer.get("ranks"),
        "generation": answer.get("generation"),
        "awaited": answer.get("awaited", []),
        "running": next((job for job in jobs if job["state"] == "running"), None),
        # Two names, both in use; neither counts what runs.
        "waiting": queued,
        "queued": queued,
        "scripts": answer.get("scripts"),
        "refused_connections": answer.get("refused_connections", 0),
        "pid": found.supervisor.pid,
        "started": found.started,
        "log_file": _text(found.log_file),
        "token_file": _text(found.token_file) if found.authentication else None,
        "directory": str(found.directory),
    }


def lines(server: dict[str, Any]) -> str:
    """Return the lines about a server for a person."""
    return (
        f"{' and '.join(server['urls'])}\n"
        f"  state    {server['state']}, NEST {server['nest']}, {server['ranks']} rank(s), "
        f"kernel {server['generation']}\n"
        f"{_running(server['running'])}"
        f"{_queued(server['waiting'])}"
        f"{_awaited(server['awaited'])}"
        f"  scripts  {server['scripts']}\n"
        f"{_refused(server['refused_connections'])}"
        f"  process  {server['pid']}, since {server['started']}\n"
        f"  log      {server['log_file'] or 'on its console'}\n"
        f"  token    {server['token_file'] or 'authentication is off'}"
    )


def _running(job: dict[str, Any] | None) -> str:
    """Return lines about the job that runs: its call, since when, and how far."""
    if job is None:
        return ""
    since = clock(datetime.fromisoformat(job["began"]))
    line = f"  runs     {job['what']} since {since}, job {job['id']}\n"
    if job.get("ending"):
        line += "           is being cancelled\n"
    progress = Progress.of(job)
    if progress is not None:
        call = f"{progress.call}: " if progress.call != job["what"] else ""
        line += f"  is at    {call}{100 * progress.fraction:.0f}%, {progress}\n"
    return line


def _refused(number: int) -> str:
    """Return a line about connections that the kernel has refused, if any."""
    return f"  refused  {number} connection(s) to the kernel; the log says why\n" if number else ""


def _queued(number: int) -> str:
    """Return a line about the number of jobs that wait, if any."""
    return f"  waiting  {number} more\n" if number else ""


def _awaited(awaited: list[dict[str, Any]]) -> str:
    """Return a line about the ranks that an operation waits for: the stopped ones, if any."""
    stopped = [rank for rank in awaited if rank["stopped"]]
    chosen = stopped or awaited
    if not chosen:
        return ""
    ranks = ", ".join(str(rank["rank"]) for rank in chosen)
    label = " (stopped by a signal; SIGCONT lets it go on)" if stopped else ""
    return f"  awaits   rank {ranks}{label} since {chosen[0]['since']}\n"


def _text(path: Path | None) -> str | None:
    return str(path) if path is not None else None
