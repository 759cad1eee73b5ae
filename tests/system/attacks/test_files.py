"""Names of files from callers: nothing is written, read or loaded outside the data directory."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nest_remote
from protocol.process.polling import poll_until
from tests.integration.servers import DEADLINE_S
from tests.sections import read_sections
from tests.system.attacks.accounts import Account
from tests.system.attacks.elf import shared_object
from tests.system.attacks.targets import Target, attacked
from tests.system.attacks.written import ASCII, DUMPS, READ, RECORDERS, Calls, recorded

SCRIPTS = read_sections(Path(__file__).with_name("scripts.txt"))
#: What each script begins with.
RECORD = """
def record(**params):
    n = nest.Create('iaf_psc_alpha')
    m = nest.Create('multimeter', params={'record_to': 'ascii', **params})
    nest.Connect(m, n)
    nest.Simulate(5.0)

def head(**params):
    nest.Create('multimeter', params={'record_to': 'ascii', **params})
    nest.Simulate(5.0)
"""
ARCHIVE = "dlname='evil.so'\nlibrary_names='evil.so'\nold_library=''\ninstalled=no\nlibdir='{}'\n"


def cases(table: dict[str, Any]) -> list[Any]:
    return [pytest.param(calls, id=name) for name, calls in table.items()]


@pytest.fixture
def library(target: Target) -> Iterator[None]:
    """Code of the account below its home, which leaves a marker there when it is loaded."""
    home = target.account.home
    code = shared_object(f"{home}/loaded").decode()
    target.account.write("lib/evil.so", code)
    target.account.write("lib/archive.la", ARCHIVE.format(f"{home}/lib"))
    yield
    (home / "loaded").unlink(missing_ok=True)


def run(target: Target, calls: Calls) -> list[str]:
    return [target.call(name, body) for name, body in calls]


@pytest.mark.parametrize("calls", [*cases(RECORDERS), *cases(DUMPS)])
def test_calls_write_nothing_outside(target: Target, calls: Calls) -> None:
    with target.unharmed() as said:
        said.extend(run(target, calls))
        print(said)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("calls", cases(READ))
def test_calls_read_and_load_nothing_by_a_path(target: Target, calls: Calls) -> None:
    with target.unharmed() as said:
        said.extend(run(target, calls))
        print(said)


@pytest.mark.parametrize("name", ["label that leads up", "data_path", "record_to switched later"])
def test_batches_write_nothing_outside(target: Target, name: str) -> None:
    calls = [
        {"call": call} | ({"args": body} if isinstance(body, list) else {"kwargs": body})
        for call, body in RECORDERS[name]
    ]
    with target.unharmed() as said:
        said.append(target.server.post("/batch", target.fill(calls)).text)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("source", [pytest.param(text, id=name) for name, text in SCRIPTS])
def test_scripts_write_read_and_load_nothing_outside(target: Target, source: str) -> None:
    with target.unharmed() as said:
        said.append(target.script(RECORD + source).text)
        print(said)


def test_exact_values_of_python_write_nothing_outside(target: Target) -> None:
    """The project's own client sends names as Python has them."""
    with target.unharmed() as said:
        nest = nest_remote.connect(target.server.url, token=target.server.token) or nest_remote
        try:
            for way in (
                lambda: nest.set(data_path=str(target.account.home)),
                lambda: setattr(nest, "data_prefix", f"{target.account.home}/x"),
                lambda: nest.Create("multimeter", params=ASCII | target.fill({"label": "@up@/x"})),
                lambda: nest.SetDefaults("multimeter", ASCII | target.fill({"label": "@up@/x"})),
            ):
                try:
                    way()
                except Exception as error:
                    said.append(str(error))
            neuron, meter = nest.Create("iaf_psc_alpha"), nest.Create("multimeter")
            nest.Connect(meter, neuron)
            nest.Simulate(5.0)
        finally:
            nest_remote.disconnect()


def test_native_code_by_a_job_and_a_recorder(target: Target) -> None:
    """C1: the output of a job is a shared object, which an archive names that NEST wrote."""
    key, marker = "a key that is known", target.account.home / "loaded"
    code = shared_object(str(marker)).decode()
    with target.unharmed() as said:
        headers = {"Prefer": "respond-async", "Idempotency-Key": key}
        source = f"print({code!r}, end='')"
        job = target.server.post("/exec", {"source": source}, headers=headers).json()["id"]

        def has_ended() -> bool:
            return target.server.get(f"/jobs/{job}").json()["state"] == "done"

        assert poll_until(has_ended, DEADLINE_S)
        directory = f"@server@/jobs/{job}"
        archive = (
            f"V_m\ndlname='output'\nlibrary_names='output'\nold_library=''\ninstalled=no\n"
            f"libdir='{directory}'\n"
        )
        source = f"""
nest.overwrite_files = True
nest.data_path = '{directory}'
head(label='m', file_extension='la', record_from=['V_m', {archive!r}])
nest.ResetKernel()
nest.Install('{directory}/m-1-0.la')
"""
        said.append(target.script(RECORD + source).text)
        # The archive may lie in the data directory, where it is told that callers' files are.
        for source in (
            f"head(label='m', file_extension='la', record_from=['V_m', {archive!r}])",
            "nest.ResetKernel()\nnest.Install('m-1-0.la')",
            "nest.Install('m-1-0')",
        ):
            said.append(target.script(RECORD + source).text)


@pytest.mark.parametrize("place", ["lib", "lib64/nest", "data"])
def test_libraries_are_not_taken_from_the_callers_files(target: Target, place: str) -> None:
    """A file that a caller has had written is not loaded by its bare name either."""
    files = target.directory / "data"
    marker = target.account.home / "loaded"
    written = files / "mine.so" if place == "data" else target.account.home / place / "mine.so"
    if place != "data":
        target.account.write(f"{place}/mine.so", shared_object(str(marker)).decode())
    elif files.is_dir():
        written.write_bytes(shared_object(str(marker)))
        target.account.own(written)
    with target.unharmed() as said:
        for name in ("mine", "mine.so", str(written)):
            said.append(target.call("Install", [name]))


# The data directory that an operator names.


@pytest.fixture(scope="module")
def named() -> Iterator[Target]:
    """A server whose operator has named a data directory and a list of extensions."""
    env = {"NEST_SERVER_DATA": "@home@/results", "NEST_SERVER_EXTENSIONS": "@home@/extensions"}

    def prepare(account: Account) -> None:
        # Anybody can write to the module, so nobody's code is meant.
        code = shared_object(f"{account.home}/loaded").decode()
        account.write("extensions/mymodule.so", code, 0o666)

    with attacked(env | {"NEST_SERVER_ENABLE_EXEC_CALL": "1"}, prepare=prepare) as target:
        yield target


def test_links_in_the_data_directory_lead_nowhere(named: Target) -> None:
    """The account has made links there, to where a recorder's file and a dump will be."""
    account, secret = named.account, named.secret
    directory = account.home / "results"
    if not directory.is_dir():
        directory.mkdir()
        account.own(directory, 0o700)
    for name in ("x-2-0.dat", "nodes.txt"):
        (directory / name).symlink_to(account.home / ".ssh/authorized_keys")
    # What is in the directory is the caller's; what the links lead to is not.
    keys = account.home / ".ssh/authorized_keys"
    named.ready()
    said = run(
        named,
        [
            ("SetKernelStatus", [{"overwrite_files": True}]),
            *recorded(ASCII | {"label": "x"}),
            ("DumpLayerNodes", [[1], "nodes.txt"]),
        ],
    )
    files = [named.server.get(f"/files/{name}") for name in ("x-2-0.dat", "nodes.txt")]
    assert keys.read_text() == f"# {secret}\n"
    assert [reply.status_code for reply in files] == [404, 404]
    assert secret not in "\n".join([*said, *(reply.text for reply in files)])
    assert named.server.get("/files").status_code == 200
    for name in ("x-2-0.dat", "nodes.txt"):
        # As long as one is there, nothing is written.
        (directory / name).unlink()


NAMES = [
    "..",
    ".",
    "../token",
    "..%2ftoken",
    "%2e%2e/token",
    "..%2f..%2ftoken",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    ".hidden",
    "x%00.dat",
    "x%0a.dat",
    "a/b",
    "a%5cb",
    "x" * 300,
    "%ff%fe",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_files_are_named_by_plain_names(named: Target, method: str, name: str) -> None:
    assert named.server.get("/files").status_code == 200
    with named.unharmed() as said:
        # As it is: other clients make a shorter path of one with dots.
        connection = http.client.HTTPConnection("127.0.0.1", named.server.port, timeout=30.0)
        headers = {"NESTServerAuth": named.server.token or ""}
        connection.request(method, f"/files/{name}", headers=headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        said.append(text)
        # Werkzeug answers two slashes with the address that has one.
        assert reply.status in (308, 400, 404, 405), text
        assert "root:" not in text


@pytest.mark.parametrize("path", ["/files", "/files/x"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_files_are_for_callers_with_the_token(named: Target, method: str, path: str) -> None:
    assert named.server.get("/files").status_code == 200
    reply = named.server.request(method, path, headers={"NESTServerAuth": "wrong"})
    assert (reply.status_code, reply.text) == (403, "Unauthorized")


def test_what_a_recorder_writes_is_had_over_http(named: Target) -> None:
    named.ready()
    run(named, recorded(ASCII | {"label": "mine"}))
    names = [entry if isinstance(entry, str) else entry["name"] for entry in files_of(named)]
    (name,) = [name for name in names if name.startswith("mine-")]
    content = named.server.get(f"/files/{name}")
    assert content.status_code == 200
    assert "sender" in content.text
    assert named.server.request("DELETE", f"/files/{name}").status_code in (200, 204)
    assert named.server.get(f"/files/{name}").status_code == 404


def files_of(target: Target) -> list[Any]:
    reply = target.server.get("/files")
    assert reply.status_code == 200, reply.text
    listed = reply.json()
    return list(listed["files"] if isinstance(listed, dict) else listed)


def test_extensions_of_the_list_are_not_taken_from_the_account(named: Target) -> None:
    """A name of the operator's list is resolved to a file that nobody else can write."""
    marker = named.account.home / "loaded"
    code = shared_object(str(marker))
    for place in ("mymodule.so", "results/mymodule.so", "lib/mymodule.so"):
        named.account.write(place, code.decode())
    shared = Path("/tmp") / f"mymodule-{named.server.port}.so"
    try:
        shared.write_bytes(code)
        shared.chmod(0o777)
        said = run(named, [("Install", [name]) for name in ("mymodule", "mymodule.so")])
        said += run(named, [("Install", [str(shared)]), ("Install", [f"../..{shared}"])])
    finally:
        shared.unlink(missing_ok=True)
    assert not marker.exists(), said
    (named.account.home / "mymodule.so").unlink()
