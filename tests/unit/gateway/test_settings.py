"""What a gateway is told by its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.server.limits import ConnectionLimits
from gateway.settings import MIB, from_environment
from protocol.errors import ConfigurationError
from protocol.runtime.data_directory import DataDirectory


def test_defaults_listen_to_this_machine_and_ask_for_the_token_on_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-of-the-file\n")
    settings = from_environment({"NESTD_INSTANCE_DIR": str(tmp_path)})
    assert settings.token == "secret-of-the-file"
    assert settings.connection_file == tmp_path / "connection.json"
    assert settings.exit_file == tmp_path / "kernel-exit.json"
    assert settings.origins == ("http://localhost:*", "http://127.0.0.1:*")
    assert settings.body_limit_bytes == 64 * MIB
    assert settings.queue_limit == 64
    assert settings.host == "127.0.0.1"


def test_variables_win_over_defaults_and_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-of-the-file")
    settings = from_environment(
        {
            "NESTD_INSTANCE_DIR": str(tmp_path),
            "NESTD_CONNECTION_FILE": "/elsewhere/connection.json",
            "NEST_SERVER_ACCESS_TOKEN": " mine-and-no-other ",
            "NEST_SERVER_CORS_ORIGINS": "https://a.example, https://b.example:*",
            "NEST_SERVER_BODY_LIMIT_MIB": "2",
            "NEST_SERVER_QUEUE_LIMIT": "3",
            "NEST_SERVER_CONNECTIONS": "100",
            "NEST_SERVER_CONNECTIONS_PER_PEER": "10",
            "NEST_SERVER_HEAD_TIMEOUT": "5",
            "NEST_SERVER_RATE_KIB": "2",
            "NEST_SERVER_HOST": "lab.example",
        }
    )
    assert settings.connection_file == Path("/elsewhere/connection.json")
    assert settings.token == "mine-and-no-other"
    assert settings.origins == ("https://a.example", "https://b.example:*")
    assert (settings.body_limit_bytes, settings.queue_limit) == (2 * MIB, 3)
    assert settings.connections == ConnectionLimits(100, 10, 5.0, 2048)
    assert settings.host == "lab.example"


def test_token_is_in_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine-and-no-other\n")
    variables = {
        "NESTD_CONNECTION_FILE": str(tmp_path / "connection.json"),
        "NEST_SERVER_TOKEN_FILE": str(tmp_path / "mine"),
    }
    assert from_environment(variables, is_alone=True).token == "mine-and-no-other"
    # None is made where one was meant to be.
    assert not (tmp_path / "token").exists()
    (tmp_path / "mine").unlink()
    with pytest.raises(ConfigurationError, match="mine"):
        from_environment(variables, is_alone=True)


@pytest.mark.parametrize("word", ["1", "TRUE", "yes", "t", "On"])
def test_authentication_is_off_only_by_a_true_word(tmp_path: Path, word: str) -> None:
    variables = {"NESTD_INSTANCE_DIR": str(tmp_path), "NEST_SERVER_DISABLE_AUTH": word}
    assert (
        from_environment(variables | {"NEST_SERVER_ACCESS_TOKEN": "0123456789abcdef"}).token is None
    )


@pytest.mark.parametrize("word", ["", "0", "false", "off", "no"])
def test_authentication_stays_on_by_any_other_word(tmp_path: Path, word: str) -> None:
    variables = {"NESTD_INSTANCE_DIR": str(tmp_path), "NEST_SERVER_DISABLE_AUTH": word}
    assert (
        from_environment(variables | {"NEST_SERVER_ACCESS_TOKEN": "0123456789abcdef"}).token
        == "0123456789abcdef"
    )


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_without_a_token_there_is_no_gateway(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(ConfigurationError, match="access token"):
        from_environment({"NESTD_INSTANCE_DIR": str(tmp_path), "NEST_SERVER_ACCESS_TOKEN": " "})


def test_one_message_names_all_wrong_variables(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        from_environment(
            {
                "NESTD_INSTANCE_DIR": str(tmp_path),
                "NEST_SERVER_DISABLE_AUTH": "1",
                "NEST_SERVER_BODY_LIMIT_MIB": "0",
                "NEST_SERVER_QUEUE_LIMIT": "many",
            }
        )
    assert "NEST_SERVER_BODY_LIMIT_MIB must be an integer from 1 to 65536, not '0'" in str(
        raised.value
    )
    assert "NEST_SERVER_QUEUE_LIMIT must be an integer from 1 to 4096, not 'many'" in str(
        raised.value
    )


@pytest.mark.parametrize("origin", ["example.org", "http://", "http://a.example/path", "null"])
def test_origin_that_is_none_is_named_and_not_left_out(tmp_path: Path, origin: str) -> None:
    variables = {
        "NESTD_INSTANCE_DIR": str(tmp_path),
        "NEST_SERVER_ACCESS_TOKEN": "0123456789abcdef",
    }
    with pytest.raises(ConfigurationError, match="NEST_SERVER_CORS_ORIGINS") as caught:
        from_environment(variables | {"NEST_SERVER_CORS_ORIGINS": f"http://ok.example,{origin}"})
    assert repr(origin) in caught.value.message


@pytest.mark.parametrize(
    ("variables", "allowed"),
    [
        ({"ENABLE_EXEC_CALL": "0"}, False),
        ({"ENABLE_EXEC_CALL": "1"}, True),
        ({"DISABLE_AUTH": "1"}, True),
        ({"DISABLE_AUTH": "1", "HOST": "0.0.0.0"}, False),
        ({"DISABLE_AUTH": "1", "HOST": "0.0.0.0", "ENABLE_EXEC_CALL": "1"}, True),
        ({"HOST": "0.0.0.0"}, True),
    ],
)
def test_scripts_are_off_where_anyone_could_send_them(
    tmp_path: Path, variables: dict[str, str], allowed: bool
) -> None:
    (tmp_path / "token").write_text("secret-of-the-file")
    given = {f"NEST_SERVER_{name}": value for name, value in variables.items()}
    refused = from_environment({"NESTD_INSTANCE_DIR": str(tmp_path), **given}).scripts_refused
    assert refused is None if allowed else refused and "NEST_SERVER_ENABLE_EXEC_CALL" in refused


def test_files_lie_where_the_kernel_writes_them(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef")
    instance = {"NESTD_INSTANCE_DIR": str(tmp_path)}
    assert from_environment(instance).data == DataDirectory(tmp_path / "data")
    named = instance | {"NEST_SERVER_DATA": str(tmp_path.parent / "x"), "NEST_SERVER_DATA_MIB": "1"}
    assert from_environment(named).data == DataDirectory(tmp_path.parent / "x", MIB)
    alone = {"NESTD_CONNECTION_FILE": str(tmp_path / "connection.json")}
    assert from_environment(alone, is_alone=True).data.path == tmp_path / "data"
    with pytest.raises(ConfigurationError, match="servers' own files"):
        from_environment(instance | {"NEST_SERVER_DATA": str(tmp_path)})


def test_short_token_is_refused_wherever_it_comes_from(tmp_path: Path) -> None:
    variables = {"NESTD_INSTANCE_DIR": str(tmp_path)}
    (tmp_path / "token").write_text("0123456789abcde")
    for more in ({}, {"NEST_SERVER_ACCESS_TOKEN": "0123456789abcde"}):
        with pytest.raises(ConfigurationError, match=r"has 15 characters, .* at least 16"):
            from_environment(variables | more)
