"""Settings of scripts: variables in, one frozen object out, everything wrong in one message."""

from __future__ import annotations

import pytest

from nestd.scripts.process.environment import script_environment
from nestd.scripts.settings import MIB, ScriptSettings, from_environment
from protocol.errors import ConfigurationError


def test_scripts_are_restricted_and_limited_unless_told_otherwise() -> None:
    settings = from_environment({})
    assert settings.restricted
    assert settings.wall_s is None
    assert settings.memory_bytes == 2048 * MIB
    assert settings.output_bytes == 8 * MIB
    assert {one.name for one in settings.imports} == {"nest", "numpy", "np"}


@pytest.mark.parametrize("name", ["DISABLE_RESTRICTION", "RESTRICTION_OFF"])
@pytest.mark.parametrize(("word", "off"), [("1", True), ("YES", True), ("0", False), ("", False)])
def test_restriction_is_off_for_truthy_words_under_both_names(
    name: str, word: str, off: bool
) -> None:
    assert from_environment({f"NEST_SERVER_{name}": word}).restricted is not off


def test_every_limit_can_be_set() -> None:
    values = {"TIME_LIMIT_S": "5", "MEMORY_MIB": "100", "OUTPUT_MIB": "2"}
    values |= {"PROCESSES": "7", "OPEN_FILES": "33"}
    found = from_environment({f"NEST_SERVER_EXEC_{name}": value for name, value in values.items()})
    assert (found.wall_s, found.memory_bytes, found.output_bytes) == (5, 100 * MIB, 2 * MIB)
    assert (found.processes, found.open_files) == (7, 33)


def test_all_that_is_wrong_is_in_one_message() -> None:
    wrong = {"NEST_SERVER_EXEC_MEMORY_MIB": "x", "NEST_SERVER_EXEC_OUTPUT_MIB": "0"}
    with pytest.raises(ConfigurationError) as caught:
        from_environment(wrong | {"NEST_SERVER_MODULES": "import 3"})
    for name in (*wrong, "NEST_SERVER_MODULES"):
        assert name in str(caught.value)


def test_settings_come_back_from_json() -> None:
    settings = from_environment({"NEST_SERVER_MODULES": "from math import sqrt as s; nest"})
    assert ScriptSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("restricted", [True, False])
def test_environment_of_scripts_has_no_secret_and_nothing_of_mpi(restricted: bool) -> None:
    kept = {"PATH": "/bin", "LC_ALL": "C", "LD_LIBRARY_PATH": "/lib", "PYTHONPATH": "/p"}
    secret = ["NEST_SERVER_ACCESS_TOKEN", "NESTD_RUNTIME_DIR", "OMPI_COMM_WORLD_RANK", "PMI_RANK"]
    secret += ["PMIX_RANK", "SLURM_JOB_ID", "HYDRA_X", "MPI_LOCALNRANKS", "GITHUB_TOKEN"]
    secret += ["DB_PASSWORD", "aws_secret_access_key", "OPENAI_API_KEY", "SSH_AUTH_SOCK"]
    found = script_environment(
        kept | dict.fromkeys(secret, "x") | {"EDITOR": "vi"}, restricted=restricted
    )
    assert kept.items() <= found.items()
    assert found.keys().isdisjoint(secret)
    assert ("EDITOR" in found) is not restricted
