"""Files of several ranks: one per virtual process, all in one directory, and one quota."""

from __future__ import annotations

from tests.integration.servers import Server, Start


def test_ranks_write_one_file_per_virtual_process(two_ranks: Server, one_rank: Server) -> None:
    rows = []
    for server in (one_rank, two_ranks):
        server.request("DELETE", "/files")
        server.call("Create", ["iaf_psc_alpha", 6, {"I_e": 400.0}])
        params = {"interval": 1.0, "record_from": ["V_m"], "record_to": "ascii", "label": "v"}
        server.call("Create", ["multimeter", 1, params])
        server.call("Connect", [[7], [1, 2, 3, 4, 5, 6]])
        server.call("Simulate", [20.0])
        names = [file["name"] for file in server.get("/files").json()["files"]]
        assert names == ["v-7-0.dat", "v-7-1.dat", "v-7-2.dat", "v-7-3.dat"]
        files = [server.get(f"/files/{name}").text.splitlines()[3:] for name in names]
        assert all(files)
        rows.append([sorted(lines) for lines in files])
        server.request("DELETE", "/files")
    assert rows[0] == rows[1]


def test_quota_ends_a_simulation_on_all_ranks(start: Start) -> None:
    server = start({"NEST_SERVER_DATA_MIB": "1"}, "-n", "2")
    server.call("Create", ["iaf_psc_alpha", 100, {"I_e": 400.0}])
    params = {"interval": 0.1, "record_from": ["V_m"], "record_to": "ascii"}
    server.call("Create", ["multimeter", 1, params])
    server.call("Connect", [[101], list(range(1, 101))])
    server.call("set", {"overwrite_files": True})
    for message in ("was ended at", "was not begun"):
        reply = server.post("/api/Simulate", [1e8])
        assert (reply.status_code, reply.json()["error"]) == (400, "DataDirectoryFull")
        assert message in reply.json()["message"]
    server.request("DELETE", "/files")
    server.call("Simulate", [1.0])
