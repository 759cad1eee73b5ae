"""Extension modules can be compiled against the NEST that was installed, and compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.installation.conftest import HERE, run

#: When a neuron that is driven by 500 pA reaches 15 mV, in ms: each time 10 ms * ln(4), rounded up.
DRIVEN = [13.9, 27.8, 41.7, 55.6, 69.5, 83.4, 97.3]


def configured(environment: Path, option: str) -> str:
    return run(environment / "bin" / "nest-config", f"--{option}").strip()


def test_nest_config_names_what_is_installed(environment: Path) -> None:
    prefix = Path(configured(environment, "prefix"))
    assert prefix.is_relative_to(environment)
    for option in ("libdir", "datadir", "docdir"):
        assert (prefix / configured(environment, option)).is_dir(), option
    flags = (configured(environment, "includes") + " " + configured(environment, "libs")).split()
    directories = [Path(flag[2:]) for flag in flags if flag[:2] in ("-I", "-L")]
    assert [path for path in directories if not path.is_dir()] == []
    assert (directories[0] / "nest.h").exists()
    assert [flag for flag in flags if flag[0] == "/" and not Path(flag).exists()] == []
    assert Path(configured(environment, "compiler")).exists()
    assert Path(configured(environment, "python-executable")) == environment / "bin" / "python"


def test_build_info_names_what_is_installed(environment: Path) -> None:
    program = "import nest; print(*(nest.build_info[n] for n in ('prefix', 'datadir', 'docdir')))"
    named = run(environment / "bin" / "python", "-c", program).splitlines()[-1].split()
    assert named[0] == configured(environment, "prefix")
    for directory in named:
        assert Path(directory).is_dir(), directory
        assert Path(directory).is_relative_to(environment)


def test_model_of_nestml_computes_on_one_and_two_ranks(
    environment: Path, simulate: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    python = environment / "bin" / "python"
    run(python, HERE / "generate.py", HERE / "tiny_lif.nestml", tmp_path / "generated")
    (alone,) = simulate(python, "extension")
    ranks = simulate(python, "extension", ranks=2)
    assert [bool(rank["spikes"]) for rank in ranks] == [True, True]
    assert sorted(ranks[0]["spikes"] + ranks[1]["spikes"]) == alone["spikes"]
    times = {sender: [] for sender in (1, 2, 3)}
    for time, sender in alone["spikes"]:
        times[sender].append(time)
    assert times[1] == pytest.approx(DRIVEN)
    assert len(times[2]) >= 3
    assert len(times[3]) >= len(DRIVEN) - 1


@pytest.mark.parametrize("network", ["balanced", "plastic"])
def test_build_computes_what_the_published_wheel_computes(
    environment: Path, simulate: Callable[..., list[dict[str, Any]]], network: str, wheel: Path
) -> None:
    (published,) = simulate(wheel, network)
    (built,) = simulate(environment / "bin" / "python", network)
    assert (published.pop("has_mpi"), built.pop("has_mpi")) == (False, True)
    assert built == published
    assert len(built["spikes"]) > 1000
    assert len(set(built["weights"])) > 1 or network == "balanced"
