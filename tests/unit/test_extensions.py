"""Extension modules: only those of the operator's list, from files that nobody else can change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgpack._cmsgpack
import pytest

from nestd.extensions import Extensions, danger, extensions_from
from nestd.kernel.kernel import Kernel
from nestd.kernel.pynest import nest
from protocol.errors import ConfigurationError, KernelError, NestdError, Refused
from protocol.wire.messages import Action, Operation


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Return a directory with a library that is no module of NEST."""
    directory = tmp_path / "modules"
    directory.mkdir(mode=0o755)
    shutil.copy(msgpack._cmsgpack.__file__, directory / "mymodule.so")
    (directory / "mymodule.so").chmod(0o755)
    return directory


def test_module_of_a_listed_directory_or_file_has_its_full_path(listed: Path) -> None:
    path = listed / "mymodule.so"
    assert Extensions((listed,)).find("mymodule") == str(path)
    assert Extensions((Path("/usr/lib"), path)).find("mymodule") == str(path)


def test_module_that_is_not_listed_is_refused_with_the_way_to_list_it(listed: Path) -> None:
    for extensions, name in ((Extensions(), "mymodule"), (Extensions((listed,)), "other")):
        with pytest.raises(Refused, match="NEST_SERVER_EXTENSIONS"):
            extensions.find(name)


def test_nest_opens_the_file_of_the_list_and_no_other(listed: Path) -> None:
    nest.verbosity = nest.VerbosityLevel.QUIET
    nest.ResetKernel()
    install = Operation(Action.CALL_JSON, "Install", ["mymodule"])
    with pytest.raises(KernelError, match=r"could not find\s*module symbol") as found:
        Kernel("g", Extensions((listed,))).execute(install, references=False)
    assert str(listed / "mymodule.so") in found.value.message
    with pytest.raises(NestdError, match="operator"):
        Kernel("g").execute(install, references=False)


@pytest.mark.parametrize("what", ["file", "directory", "parent", "link", "owner", "missing"])
def test_what_others_can_change_is_refused(
    listed: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = listed / "mymodule.so"
    match what:
        case "file":
            path.chmod(0o775)
        case "directory":
            listed.chmod(0o777)
        case "parent":
            listed.parent.chmod(0o770)
        case "link":
            open_to_all = listed.parent / "open"
            open_to_all.mkdir()
            open_to_all.chmod(0o777)
            (open_to_all / "link.so").symlink_to(path)
            path.rename(listed / "moved.so")
            (open_to_all / "mymodule.so").symlink_to(listed / "moved.so")
            path.symlink_to(open_to_all / "mymodule.so")
        case "owner":
            os.chown(path, 12345, 12345) if os.geteuid() == 0 else monkeypatch.setattr(
                os, "geteuid", lambda: 12345
            )
        case "missing":
            path.unlink()
            path.symlink_to(path)
    assert danger(path) is not None
    with pytest.raises(Refused, match=r"is not loaded: .*(others can|belongs to|symbolic)"):
        Extensions((listed,)).find("mymodule")


def test_sticky_directories_above_are_no_danger(listed: Path) -> None:
    listed.parent.chmod(0o1777)
    assert danger(listed / "mymodule.so") is None


def test_list_is_checked_when_the_kernel_starts(listed: Path, tmp_path: Path) -> None:
    (listed / "notes.txt").touch(0o644)
    for path, data, words in (
        (listed / "missing", tmp_path / "data", "No such file"),
        (listed / "notes.txt", tmp_path / "data", "neither a directory nor a module"),
        (listed / "mymodule.so", listed, "data directory"),
        (listed, listed, "data directory"),
        (listed, tmp_path, "data directory"),
    ):
        with pytest.raises(ConfigurationError, match=f"NEST_SERVER_EXTENSIONS: .*{words}"):
            Extensions((path,)).check(data)
    Extensions((listed, listed / "mymodule.so")).check(tmp_path / "data")


def test_list_is_read_from_the_environment() -> None:
    variables = {"NEST_SERVER_EXTENSIONS": "/opt/a:/opt/b.so:"}
    assert extensions_from(variables) == Extensions((Path("/opt/a"), Path("/opt/b.so")))
    assert extensions_from({}) == Extensions()
    with pytest.raises(ConfigurationError, match="full paths"):
        extensions_from({"NEST_SERVER_EXTENSIONS": "mymodule"})
