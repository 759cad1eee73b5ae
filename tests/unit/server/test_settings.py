"""Settings of a server: flag over environment over default."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nestd.server.settings import DEFAULT_PORTS, Flags, Part, ServerSettings, build
from protocol.errors import ConfigurationError

VARIABLES = {
    "NEST_SERVER_HOST": "0.0.0.0",
    "NEST_SERVER_PORT": "6000",
    "NEST_SERVER_DAEMON": "yes",
    "NEST_SERVER_STDOUT": "True",
    "NEST_SERVER_LOGFILE": "/logs/nest.log",
    "NEST_SERVER_ACCESS_TOKEN": "secret-of-my-own",
    "NEST_SERVER_DISABLE_AUTH": "on",
    "NEST_SERVER_QUEUE_LIMIT": "8",
    "NEST_SERVER_DATA": "/logs/../results",
    "NEST_SERVER_TIMEOUT": "5",
    "NEST_SERVER_WORKERS": "4",
}


def test_defaults_are_those_of_nest_server_on_both_its_ports() -> None:
    assert build(Flags(), {}) == ServerSettings()
    assert ServerSettings().host == "127.0.0.1"
    assert DEFAULT_PORTS == ServerSettings().ports == (52425, 5000)
    assert ServerSettings().ranks == 1
    assert not ServerSettings().no_authentication


def test_every_variable_counts() -> None:
    assert build(Flags(), VARIABLES) == ServerSettings(
        host="0.0.0.0",
        ports=(6000,),
        daemon=True,
        console_output=True,
        log_file=Path("/logs/nest.log"),
        token="secret-of-my-own",
        no_authentication=True,
        queue_limit=8,
        data=Path("/results"),
    )


def test_flags_win_over_variables() -> None:
    settings = build(Flags(host="::1", port=7000), VARIABLES)
    assert (settings.host, settings.ports) == ("::1", (7000,))
    settings = build(Flags(daemon=True, console_output=True), {"NEST_SERVER_DAEMON": "0"})
    assert (settings.daemon, settings.console_output) == (True, True)


def test_flag_spares_a_wrong_variable_of_its_own() -> None:
    assert build(Flags(port=7000), {"NEST_SERVER_PORT": "wrong"}).ports == (7000,)


def test_relative_log_file_is_relative_to_where_the_server_was_started() -> None:
    settings = build(Flags(), {"NEST_SERVER_LOGFILE": "nest.log"})
    assert settings.log_file == Path.cwd() / "nest.log"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "52425.0"])
def test_wrong_port_is_named(port: str) -> None:
    with pytest.raises(ConfigurationError, match="NEST_SERVER_PORT must be an integer"):
        build(Flags(), {"NEST_SERVER_PORT": port})


def test_one_message_names_all_wrong_variables() -> None:
    with pytest.raises(ConfigurationError) as raised:
        build(
            Flags(),
            {
                "NEST_SERVER_PORT": "x",
                "NEST_SERVER_QUEUE_LIMIT": "0",
                "NEST_SERVER_TIMEOUT": "soon",
                "NEST_SERVER_WORKERS": "0",
                "NEST_SERVER_DATA": "/",
                "NEST_SERVER_DATA_MIB": "none",
            },
        )
    assert "NEST_SERVER_DATA names /, which" in str(raised.value)
    for name in ("PORT", "QUEUE_LIMIT", "TIMEOUT", "WORKERS", "DATA_MIB"):
        assert f"NEST_SERVER_{name} must be an integer" in str(raised.value)


def test_token_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="NEST_SERVER_ACCESS_TOKEN") as raised:
        build(Flags(), {"NEST_SERVER_ACCESS_TOKEN": "two\nlines of a long token"})
    assert "two" not in str(raised.value)


@pytest.mark.parametrize("token", ["x", "0123456789abcde"])
def test_token_that_can_be_guessed_is_refused_without_naming_it(tmp_path: Path, token: str) -> None:
    path = tmp_path / "given"
    path.write_text(f"{token}\n")
    for name, value in (("ACCESS_TOKEN", token), ("TOKEN_FILE", str(path))):
        variables = {f"NEST_SERVER_{name}": value}
        expected = f"NEST_SERVER_{name} has {len(token)} characters, .* at least 16"
        with pytest.raises(ConfigurationError, match=expected) as raised:
            build(Flags(), variables)
        assert len(token) == 1 or token not in str(raised.value)
        # Nobody is asked for it then.
        build(Flags(), variables | {"NEST_SERVER_DISABLE_AUTH": "1"})


def test_number_of_ranks_is_taken() -> None:
    assert build(Flags(), {}).ranks == 1
    assert build(Flags(ranks=4), {}).ranks == 4


@pytest.mark.parametrize("settings", [ServerSettings(), build(Flags(port=1), VARIABLES)])
def test_settings_reach_the_background_process_unchanged(settings: ServerSettings) -> None:
    assert ServerSettings.from_json(settings.to_json()) == settings


def test_token_may_be_in_a_file_and_the_variable_wins(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("found-in-the-file\n")
    variables = {"NEST_SERVER_TOKEN_FILE": str(path)}
    assert build(Flags(), variables).token == "found-in-the-file"
    both = variables | {"NEST_SERVER_ACCESS_TOKEN": "given-by-variable"}
    assert build(Flags(), both).token == "given-by-variable"
    path.write_text("\n")
    with pytest.raises(ConfigurationError, match="which is empty"):
        build(Flags(), variables)
    path.unlink()
    with pytest.raises(ConfigurationError, match="NEST_SERVER_TOKEN_FILE can't be read"):
        build(Flags(), variables)


def test_ranks_and_time_limit_of_services_are_variables() -> None:
    assert build(Flags(), {}).ranks == 1
    assert build(Flags(), {"NEST_SERVER_RANKS": "4"}).ranks == 4
    assert build(Flags(ranks=2), {"NEST_SERVER_RANKS": "4"}).ranks == 2
    assert build(Flags(), {}).drain_s == 30.0
    assert build(Flags(), {"NEST_SERVER_DRAIN": "2.5"}).drain_s == 2.5
    assert build(Flags(), {"NEST_SERVER_DRAIN": "off"}).drain_s is None
    for name in ("NEST_SERVER_RANKS", "NEST_SERVER_DRAIN", "NESTD_NATIVE"):
        with pytest.raises(ConfigurationError, match=name):
            build(Flags(), {name: "-1"})


@pytest.mark.parametrize("part", Part)
def test_settings_of_a_part_reach_the_background(part: Part) -> None:
    settings = replace(build(Flags(), {"NEST_SERVER_DRAIN": "off"}), part=part)
    assert ServerSettings.from_json(settings.to_json()) == settings
