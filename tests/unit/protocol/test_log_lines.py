"""Lines of the log, the file they are in, and what is made of what programs print."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.logs.log_file import LogFile
from nestd.logs.output_parser import OutputParser
from nestd.logs.writer_process import LogProcess, LogSource, LogWriter
from protocol.errors import ConfigurationError
from protocol.logging import context, lines
from protocol.logging.context import REQUEST_ID, RequestContext
from protocol.logging.lines import JSON, TEXT, LogFormatter, LogSettings
from protocol.process.polling import poll_until

NEST_SAYS = [
    "",
    "Nov 27 23:45:00 NodeManager::prepare_nodes [Info]: ",
    "    Preparing 2 nodes for simulation.",
    "",
    "Nov 27 23:45:01 SimulationManager::set_status [Warning]: ",
    "    one",
    "    two",
    "[ERROR] [2026-11-27 23:53:52 /a/node_manager.cpp:658 @ NodeManager::ready] It is not.",
    "[INFO] [2026-11-28 00:18:16] Preparing 3 nodes.",
    "free text",
]


@pytest.mark.parametrize("form", [TEXT, JSON])
@given(st.dictionaries(st.sampled_from(["msg", "call", "path"]), st.text(min_size=1), min_size=1))
def test_line_is_one_line_and_says_what_it_was_given(form: str, fields: dict[str, str]) -> None:
    made = lines.line({"time": "now", **fields}, form)
    assert "\n" not in made and "\r" not in made
    assert lines.parse(made) == {"time": "now", **fields}


@given(st.text())
def test_parsing_takes_any_text(text: str) -> None:
    lines.parse(text)
    lines.parse(f"time={text}")
    lines.parse(f'{{"time":{text}')


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("name", logging.INFO, "file", 1, message, (), None)
    made.fields = fields
    return made


@pytest.mark.parametrize("form", [TEXT, JSON])
def test_formatter_names_program_rank_and_request_and_leaves_secrets_out(form: str) -> None:
    formatter = LogFormatter("nestd", form, secret="s3cr3t-t0ken")
    formatter.rank = 3
    with context.working_for(RequestContext("r-1", True)):
        made = lines.parse(formatter.format(record("said s3cr3t-t0ken", call="Create")))
    assert (made["program"], str(made["rank"]), made["request"]) == ("nestd", "3", "r-1")
    assert (made["call"], made["msg"]) == ("Create", "said [secret]")
    assert "request" not in lines.parse(formatter.format(record("later")))


def test_traceback_is_in_the_line_of_its_error() -> None:
    formatter = LogFormatter("nestd", TEXT)
    try:
        raise ValueError("why")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    text = formatter.format(made)
    assert "\n" not in text
    assert lines.parse(text)["trace"].endswith("ValueError: why")


def test_steps_of_a_request_are_lines_if_it_is_traced(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("steps")
    caplog.set_level(logging.INFO)
    lines.note(log, "unseen")
    lines.note(log, "slow", always=True)
    with context.working_for(RequestContext("r", False)):
        lines.note(log, "unseen")
    with context.working_for(RequestContext("r", True)):
        lines.note(log, "seen")
    assert [one.message for one in caplog.records] == ["slow", "seen"]


@pytest.mark.parametrize("name", ["a b", "", "x\n", "ü", "a" * 129, 'a"', "a;b", "time=1 "])
def test_what_can_be_no_name_of_a_request(name: str) -> None:
    assert REQUEST_ID.fullmatch(name) is None


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        lines.log_settings({"NEST_SERVER_LOG_FORMAT": "xml", "NEST_SERVER_LOG_MIB": "0"})
    assert "NEST_SERVER_LOG_FORMAT" in raised.value.message
    assert "NEST_SERVER_LOG_MIB" in raised.value.message


def test_messages_of_nest_are_one_event_each() -> None:
    raw = OutputParser()
    made = [one for text in NEST_SAYS for one in raw.add(text)] + raw.flush()
    assert [(one.level, one.where, one.message) for one in made] == [
        ("info", "NodeManager::prepare_nodes", "Preparing 2 nodes for simulation."),
        ("warning", "SimulationManager::set_status", "one two"),
        ("error", "NodeManager::ready", "It is not."),
        ("info", "", "Preparing 3 nodes."),
        ("info", "", "free text"),
    ]


def test_traceback_that_was_printed_is_one_event() -> None:
    raw = OutputParser()
    lines = ["Traceback (most recent call last):", '  File "x"', "    f()", "ValueError: why", "on"]
    made = [one for text in lines for one in raw.add(text)]
    assert [one.message for one in made] == ["ValueError: why", "on"]
    assert made[0].level == "error" and made[0].trace.count("\n") == 3


def test_full_log_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "nest.log"
    file = LogFile(path, size_bytes=100, kept=2)
    for number in range(40):
        file.write(f"line {number:02d}\n".encode())
    file.close()
    assert sorted(found.name for found in tmp_path.iterdir()) == [
        "nest.log",
        "nest.log.1",
        "nest.log.2",
    ]
    whole = "".join((tmp_path / f"nest.log{end}").read_text() for end in (".2", ".1", ""))
    numbers = [int(one.split()[1]) for one in whole.splitlines()]
    assert numbers == list(range(numbers[0], 40))
    assert all(found.stat().st_size <= 100 for found in tmp_path.iterdir())
    assert all(found.stat().st_mode & 0o777 == 0o600 for found in tmp_path.iterdir())


def test_link_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "nest.log").symlink_to(tmp_path / "other")
    with pytest.raises(ConfigurationError, match=r"nest\.log"):
        LogProcess(tmp_path / "nest.log", LogSettings(), {"nestd": 0})
    assert not (tmp_path / "other").exists()


_APPENDING = """
import sys
from pathlib import Path
from nestd.logs.log_file import LogFile
file = LogFile(Path(sys.argv[1]), 500, 1000)
for number in range(500):
    file.write(f"{sys.argv[2]} {number}\\n".encode())
"""


def test_several_processes_lose_no_line_when_the_log_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "nest.log"
    command = [sys.executable, "-c", _APPENDING, str(path)]
    writers = [subprocess.Popen([*command, name]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = [line for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name} {number}" for name in "abc" for number in range(500))
    assert len(list(tmp_path.iterdir())) > 3


class FullFile(LogFile):
    """A file without room, sometimes."""

    full = True
    written = b""

    def write(self, data: bytes) -> None:
        if self.full:
            raise OSError("no room")
        self.written += data


def test_lines_without_room_are_counted_and_nobody_waits(tmp_path: Path) -> None:
    file = FullFile(tmp_path / "nest.log", 100, 1)
    writer, source = LogWriter(file, TEXT, None), LogSource("nestd")
    writer.on_data(source, b"one\ntwo\n")
    writer.on_data(source, b"three\n")
    file.full = False
    writer.on_data(source, b"four\n")
    first, second = file.written.decode().splitlines()
    assert lines.parse(first)["msg"].startswith("3 lines are missing")
    assert lines.parse(second)["msg"] == "four"


def lines_of(path: Path) -> list[dict[str, object]]:
    return [lines.parse(one) for one in path.read_text().splitlines()]


def test_log_process_labels_what_is_printed_and_takes_lines_as_they_are(tmp_path: Path) -> None:
    path, secret = tmp_path / "nest.log", tmp_path / "token"
    secret.write_text("t0k3n-t0k3n")
    log = LogProcess(path, LogSettings(format=JSON), {"nestd": 1, "gateway": None}, secret)
    log.writing["gateway"].write(b'{"time": "now", "msg": "mine"}\n')
    for text in [*NEST_SAYS, "with t0k3n-t0k3n", "half a line"]:
        log.writing["nestd"].write(text.encode() + b"\n" * (text != "half a line"))
    log.close()
    found = lines_of(path)
    assert {"time": "now", "msg": "mine"} in found
    printed = [one for one in found if one.get("printed")]
    assert all((one["program"], one["rank"]) == ("nestd", 1) for one in printed)
    assert [one["msg"] for one in printed] == [
        "Preparing 2 nodes for simulation.",
        "one two",
        "It is not.",
        "Preparing 3 nodes.",
        "free text",
        "with [secret]",
        "half a line",
    ]


def test_log_that_can_not_be_put_aside_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "rename", refuse)
    file = LogFile(tmp_path / "nest.log", 20, 2)
    for number in range(5):
        file.write(f"line number {number}\n".encode())
    file.close()
    assert len((tmp_path / "nest.log").read_text().splitlines()) == 5


def test_message_without_an_end_is_parted() -> None:
    lines = OutputParser()
    found = lines.add("Traceback (most recent call last):")
    for _ in range(3000):
        found += lines.add("  File somewhere, and nothing is ever raised at the end of this line")
    assert found
    assert max(len(one.trace) + len(one.message) for one in found) < 70_000


def test_secret_stays_out_of_a_log_whose_process_is_started_again(tmp_path: Path) -> None:
    path, secret = tmp_path / "nest.log", tmp_path / "token"
    secret.write_text("t0k3n-t0k3n")
    log = LogProcess(path, LogSettings(), {"nestd": 0}, secret)
    secret.unlink()
    os.kill(log._process.pid, 9)
    log._process.wait()
    log.restart_if_ended()
    log.writing["nestd"].write(b"with t0k3n-t0k3n\n")
    log.close()
    assert "with [secret]" in path.read_text()


def test_program_with_nest_does_not_learn_the_secret_that_is_kept_from_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, secret = tmp_path / "nest.log", tmp_path / "token"
    with pytest.raises(ConfigurationError, match="token"):
        LogProcess(path, LogSettings(), {"nestd": 0}, secret, is_shut_in=True)
    secret.write_text("t0k3n-t0k3n")
    read: list[str] = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(str(path)))
    monkeypatch.setattr(Path, "read_text", lambda path: read.append(str(path)))
    log = LogProcess(path, LogSettings(), {"nestd": 0}, secret, is_shut_in=True)
    monkeypatch.undo()
    assert read == []
    assert log._secret == b""
    log.writing["nestd"].write(b"with t0k3n-t0k3n\n")
    log.close()
    assert "with [secret]" in path.read_text()


def test_log_process_that_was_killed_is_started_again_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "nest.log"
    log = LogProcess(path, LogSettings(), {"nestd": 0})
    os.kill(log._process.pid, 9)
    log._process.wait()
    log.writing["nestd"].write(b"meanwhile\n")
    log.restart_if_ended()
    assert poll_until(lambda: "meanwhile" in path.read_text(), 30)
    log.close()
    assert json.dumps(lines_of(path)).count("meanwhile") == 1
