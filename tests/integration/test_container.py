"""The container: what its files name exists, and its command serves in its environment.

Nothing here builds the image, which tests/container does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from protocol.process.polling import poll_until
from tests.container.dockerfile import ROOT, Stage, compose_service, instructions, stages
from tests.integration.servers import DEADLINE_S, Runtime, Server, free_port


def image() -> Stage:
    """The stage that is run."""
    return stages()[-1]


def test_what_is_copied_exists_and_is_sent_to_the_engine() -> None:
    sent = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")
    }
    copied = []
    for step in instructions():
        if step.name == "COPY" and "from" not in step.flags:
            copied += step.words()[:-1]
    assert len(copied) > 8
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in sent, source


def test_every_package_of_the_project_is_copied() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    (listed,) = re.findall(r"^include = \[(.*?)\]", project, re.MULTILINE | re.DOTALL)
    packages = re.findall(r'"([^"]+)"', listed)
    copied = " ".join(step.rest for step in instructions() if step.name == "COPY").split()
    assert {package.rstrip("*") for package in packages} <= set(copied)
    installed = " ".join(step.rest for step in instructions() if step.name == "RUN")
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", installed)
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_scripts_that_are_run_were_copied_before() -> None:
    copied: list[str] = []
    ran = []
    for step in instructions():
        if step.name == "COPY":
            copied += step.words()
        for script in re.findall(r"scripts/[\w-]+", step.rest) if step.name == "RUN" else []:
            assert script in copied
            ran.append(script)
    assert ran == ["scripts/install-nest-mpi"]
    # What that one needs beside itself.
    text = (ROOT / "scripts/install-nest-mpi").read_text()
    version = re.search(r"^NEST_VERSION=(.*)$", text, re.MULTILINE)
    assert version is not None
    assert f"scripts/nest-{version[1]}.patch" in copied


def test_nobody_is_root_and_nobody_gets_in_without_a_token() -> None:
    # A tmpfs over the directory of the account has to be the account's.
    uids = re.findall(r"--[ug]id (\d+)", " ".join(step.rest for step in image().steps))
    (uid,) = set(uids)
    assert f"/run/nestd:uid={uid},gid={uid},mode=0700" in compose_service()["tmpfs"]
    users = [step.rest for step in image().steps if step.name == "USER"]
    assert users == ["nestd"]
    for text in ("Dockerfile", "compose.yaml"):
        assert "DISABLE_AUTH" not in (ROOT / text).read_text()
    service = compose_service()
    assert service["environment"]["NEST_SERVER_TOKEN_FILE"] == "/run/secrets/nest_token"
    assert "nest_token" in service["secrets"]
    # Published to the machine itself only.
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "--desktop" in service["command"]


@pytest.mark.parametrize("words", [image().command(), compose_service()["command"]])
def test_commands_are_those_of_the_project(words: list[str]) -> None:
    assert f'\n{words[0]} = "nestd.' in (ROOT / "pyproject.toml").read_text()
    done = subprocess.run(
        [sys.executable, "-m", "nestd.server.cli", words[1], "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    for option in words[2:]:
        assert option.isdigit() or re.search(rf"^ +{option}\b", done.stdout, re.MULTILINE), option


def test_command_serves_in_the_environment_of_the_image(runtime: Runtime, tmp_path: Path) -> None:
    port = free_port()
    token = tmp_path / "nest-token"
    token.write_text("of-the-container\n")
    # All but where programs and files of the container are.
    env = {k: v for k, v in image().environment().items() if k not in ("PATH", "NESTD_RUNTIME_DIR")}
    env |= {"NEST_SERVER_PORT": str(port), "NEST_SERVER_TOKEN_FILE": str(token)}
    own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (tmp_path / "console").open("w") as console:
        process = subprocess.Popen(
            image().command(), env=runtime.environment(env | own), stdout=console, stderr=console
        )
    try:
        server = Server(runtime, port, "of-the-container")

        def answers() -> bool:
            try:
                return server.get("/readyz").status_code == 200
            except requests.ConnectionError:
                return False

        assert poll_until(answers, DEADLINE_S), (tmp_path / "console").read_text()
        assert requests.get(server.url, timeout=DEADLINE_S).status_code == 403
        assert server.call("Create", ["iaf_psc_alpha"]) == [1]
        server.session.close()
    finally:
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    assert "of-the-container" not in (tmp_path / "console").read_text()
