"""Builds the image as an engine would: each step of the Dockerfile, in roots of debootstrap."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.container.dockerfile import ROOT, Instruction, Stage, sent, stages
from tests.container.roots import (
    DEFAULT_PATH,
    MADE_BY_THE_ENGINE,
    Mount,
    as_account,
    end,
    popen,
    usual_mounts,
)

#: NEST is built anew where there is no wheel for the Python and the MPI of the image.
STEP_DEADLINE_S = 5400.0
#: Where a step finds what is of the machine: settings of its package managers, and the caches.
_AIDS = "/mnt"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
#: Where pip gets packages, and how.
_PIP_OPTIONS = {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries"}
#: What an image called slim leaves out.
_SLIM = ["doc", "groff", "info", "linda", "lintian", "locale", "man"]


def cache_directory() -> Path:
    """Where scripts keep what takes long to make."""
    above = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("NESTD_CACHE_DIR") or Path(above) / "nestd")


@dataclass(frozen=True)
class Image:
    """A built image."""

    stage: Stage
    root: Path


def build(work: Path) -> Image:
    """Build the last stage of the Dockerfile.

    Parameters
    ----------
    work : a directory for all that is made, which has room for some 3 GB
    """
    built: dict[str, Image] = {}
    for stage in stages():
        root = work / stage.name
        _unpack_base(stage.base, work, root)
        image = Image(stage, root)
        _Build(image, work, built).run()
        built[stage.name] = image
    return image


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def _archives(release: str) -> list[tuple[str, str, str]]:
    """From where this machine gets packages of a release: addresses, suites and components."""
    form = "$(REPO_URI) $(CODENAME) $(COMPONENT)"
    of = ["Created-By: Packages", "Origin: Debian"]
    lines = _run("apt-get", "indextargets", "--format", form, *of).splitlines()
    found = [line.split(" ") for line in lines]
    return [(uri, suite, part) for uri, suite, part in found if suite.split("-")[0] == release]


def _unpack_base(image: str, work: Path, root: Path) -> None:
    """Make ``root`` what ``debian:RELEASE-slim`` has."""
    matched = re.fullmatch(r"debian:(\w+)-slim", image)
    assert matched, f"the tests can make debian:RELEASE-slim only, not {image}"
    release = matched[1]
    kept = cache_directory() / "container" / f"{release}-slim.tar"
    if not kept.exists():
        made = work / "base"
        mirror = [address for address, suite, _ in _archives(release) if suite == release]
        # In a namespace of mounts, as it mounts things itself.
        own = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork"]
        bootstrap = ["debootstrap", "--variant=minbase", release, str(made), *mirror[:1]]
        _run(*own, "--kill-child", "--mount-proc", *bootstrap)
        # An image has no files to lose when the power goes.
        settings = ["force-unsafe-io", *(f"path-exclude /usr/share/{name}/*" for name in _SLIM)]
        settings.append("path-include /usr/share/doc/*/copyright")
        (made / "etc/dpkg/dpkg.cfg.d/slim").write_text("\n".join([*settings, ""]))
        for name in (*(f"usr/share/{name}" for name in _SLIM), "var/lib/apt/lists"):
            shutil.rmtree(made / name, ignore_errors=True)
        for archive in (made / "var/cache/apt/archives").glob("*.deb"):
            archive.unlink()
        for name in MADE_BY_THE_ENGINE:
            (made / name).unlink(missing_ok=True)
            (made / name).touch()
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Under its name only when complete.
        part = kept.with_suffix(f".{os.getpid()}")
        try:
            _run("tar", "-C", str(made), "-cf", str(part), ".")
            part.rename(kept)
        finally:
            part.unlink(missing_ok=True)
        shutil.rmtree(made)
    root.mkdir()
    _run("tar", "-C", str(root), "-xpf", str(kept))


class _Build:
    """The steps of one stage."""

    def __init__(self, image: Image, work: Path, built: dict[str, Image]) -> None:
        self._image = image
        self._work = work
        self._built = built
        self._directory = "/"
        self._user = "root"
        self._environment = {"PATH": DEFAULT_PATH}
        self._aids = work / "aids"
        self._make_aids()

    def run(self) -> None:
        """Execute all steps."""
        for step in self._image.stage.steps:
            match step.name:
                case "RUN":
                    self._execute(step)
                case "COPY":
                    self._copy(step)
                case "WORKDIR":
                    self._directory = str(Path(self._directory) / step.rest)
                    self._inside(self._directory).mkdir(parents=True, exist_ok=True)
                case "ENV":
                    self._environment |= Stage("", "", [step]).environment()
                case "USER":
                    self._user = step.rest
                case "VOLUME" | "EXPOSE" | "HEALTHCHECK" | "CMD":
                    pass  # What a container gets, not the image.
                case _:
                    raise AssertionError(f"the tests know no instruction {step.name}")

    def _inside(self, path: str) -> Path:
        return self._image.root / path.lstrip("/")

    def _make_aids(self) -> None:
        """What steps need of this machine to get packages; nothing of it comes into the image."""
        self._aids.mkdir(exist_ok=True)
        release = self._image.stage.base.split(":")[1].split("-")[0]
        archives = _archives(release)
        lines = [f"deb {address} {suite} {part}\n" for address, suite, part in archives]
        settings = [_run("apt-config", "dump", "Acquire")]
        settings += ['Dir::Cache::archives "/mnt/archives";', 'Dir::Etc::netrc "/mnt/auth.conf";']
        settings += ['APT::Keep-Downloaded-Packages "true";']
        if lines:
            (self._aids / "sources.list").write_text("".join(lines))
            settings += ['Dir::Etc::sourcelist "/mnt/sources.list";', 'Dir::Etc::sourceparts "-";']
        (self._aids / "apt.conf").write_text("\n".join([*settings, ""]))
        given = [Path("/etc/apt/auth.conf"), *sorted(Path("/etc/apt/auth.conf.d").glob("*.conf"))]
        text = "".join(path.read_text() + "\n" for path in given if path.exists())
        (self._aids / "auth.conf").write_text(text)
        if _CERTIFICATES.exists():
            shutil.copy(_CERTIFICATES, self._aids / "certificates.crt")
        for name in ("archives", "cache"):
            (self._aids / name).mkdir(exist_ok=True)

    def _variables(self) -> dict[str, str]:
        """By which programs of a step find the aids."""
        found = {"APT_CONFIG": f"{_AIDS}/apt.conf", "NESTD_CACHE_DIR": f"{_AIDS}/cache"}
        if _CERTIFICATES.exists():
            # Python's own, too: a server of packages may have a certificate of this network only.
            named = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
            found |= dict.fromkeys(named, f"{_AIDS}/certificates.crt")
        for line in _run(sys.executable, "-m", "pip", "config", "list").splitlines():
            name, _, value = line.partition("=")
            option = name.rpartition(".")[2]
            # What is beside the network only this machine sees.
            words = [word for word in value.strip("'\"").split() if not word.startswith("file:")]
            if option in _PIP_OPTIONS and words:
                found[f"PIP_{option.replace('-', '_').upper()}"] = " ".join(words)
        proxies = ("http_proxy", "https_proxy", "no_proxy")
        return found | {k: v for k, v in os.environ.items() if k.lower() in proxies}

    def _execute(self, step: Instruction) -> None:
        assert not step.flags, f"the tests know no {step}"
        archives = cache_directory() / "container" / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        mounts = [Mount(str(self._image.root), "/"), *usual_mounts()]
        mounts += [Mount(f"/{name}", f"/{name}", options="bind,ro") for name in MADE_BY_THE_ENGINE]
        mounts += [
            Mount(str(self._aids), _AIDS),
            Mount(str(archives), f"{_AIDS}/archives"),
            Mount(str(cache_directory()), f"{_AIDS}/cache"),
        ]
        home = {"HOME": "/root"} if self._user == "root" else {}
        variables = home | self._environment | self._variables()
        command = as_account(self._user, variables, self._directory, step.command())
        log = self._work / "step.log"
        with log.open("wb") as output:
            process = popen(
                self._image.root, mounts, command, output=output, table=self._work / "step.fstab"
            )
            try:
                status = process.wait(STEP_DEADLINE_S)
            finally:
                end(process)
        said = log.read_text(errors="replace")
        assert status == 0, f"{step}\nended with {status}:\n{said[-6000:]}"

    def _copy(self, step: Instruction) -> None:
        assert set(step.flags) <= {"from"}, f"the tests know no {step}"
        *sources, given = step.words()
        target = self._inside(str(Path(self._directory) / given))
        as_directory = given.endswith("/") or given in (".", "./") or len(sources) > 1
        assert as_directory or len(sources) == 1, step
        if "from" in step.flags:
            for source in sources:
                whole = self._built[step.flags["from"]].root / source.lstrip("/")
                assert whole.is_dir(), f"{step}: {source} is no directory"
                target.mkdir(parents=True, exist_ok=True)
                _run("cp", "-a", f"{whole}/.", str(target))
            return
        for source in sources:
            paths = list(sent(source))
            assert paths, f"{step}: nothing of {source} is sent to the engine"
            for path in paths:
                below = path.relative_to(source) if (ROOT / source).is_dir() else Path(path.name)
                single = not as_directory and (ROOT / source).is_file()
                to = target if single else target / below
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, to)
                os.chown(to, 0, 0)
