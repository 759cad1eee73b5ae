"""Servers of several accounts of one machine, which only root can act for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.servers import DEADLINE_S, Runtime, free_port

#: Imports with the caller's rights, as another user may not be able to read this code.
_AS_USER = """
import difflib  # by click, when it parses options
import os, sys
from nestd.server import cli, status_report
uid = int(sys.argv.pop(1))
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
cli.main()
"""
NOBODY = 65_534


def as_another_user(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``nest-server`` as somebody else."""
    return subprocess.run(
        [sys.executable, "-c", _AS_USER, str(NOBODY), *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_servers_of_two_users_do_not_meet() -> None:
    """Both have the same directory for temporary files, which everyone may write to."""
    runtime = Runtime()
    shared = runtime.directory / "tmp"
    try:
        runtime.directory.chmod(0o755)
        shared.mkdir()
        shared.chmod(0o1777)
        mine = shared / f"nestd-{os.getuid()}"
        env = {"NESTD_RUNTIME_DIR": "", "XDG_RUNTIME_DIR": "", "TMPDIR": str(shared)}
        port = free_port()
        done = runtime.run("start", "-d", "-p", str(port), env=env)
        assert done.returncode == 0, done.stderr
        try:
            token = (mine / f"server-{port}" / "token").read_text()
            theirs = runtime.environment(env)
            for command in (["status"], ["stop", "-p", str(port)], ["token", "-p", str(port)]):
                done = as_another_user(*command, env=theirs)
                assert done.returncode == 3, (command, done)
                assert token not in done.stdout + done.stderr
            assert runtime.run("status", "-p", str(port), env=env).returncode == 0
        finally:
            assert runtime.run("stop", "-p", str(port), env=env).returncode == 0
    finally:
        runtime.remove()


def test_directory_of_somebody_else_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    done = runtime.run("start", "-d", env={"NESTD_RUNTIME_DIR": str(tmp_path)})
    assert done.returncode == 78
    (sentence,) = done.stderr.splitlines()
    assert f"can't keep private files in {tmp_path}: " in sentence
    assert list(tmp_path.iterdir()) == []
