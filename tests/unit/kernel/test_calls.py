"""What calls do beside calling PyNEST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nestd.kernel.api.calls import virtual_processes
from nestd.kernel.pynest import hl_api_helper
from protocol.errors import KernelError
from protocol.wire.values import Expression
from tests.unit.kernel.conftest import Call


@pytest.mark.parametrize(
    ("threads", "ranks", "total"),
    [
        (1, 1, 1),
        (3, 1, 3),
        (1, 2, 2),
        (1, 4, 4),
        (3, 4, 4),
        (4, 4, 4),
        # To be refused, by name of what was asked for.
        (3, 2, 3),
        (5, 4, 5),
        (0, 2, 0),
        (-1, 2, -1),
        (1.0, 2, 1.0),
        ("1", 2, "1"),
    ],
)
def test_fewer_threads_than_ranks_are_one_for_each(threads: Any, ranks: int, total: Any) -> None:
    found = virtual_processes(threads, ranks)
    assert (type(found), found) == (type(total), total)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("local_num_threads", 0, "at least 1"),
        ("local_num_threads", -1, "at least 1"),
        ("local_num_threads", 1025, "at most 1024"),
        ("total_num_virtual_procs", 100_000, "at most 1024"),
        ("buffer_size_spike_data", 0, "at least 1"),
        ("buffer_size_target_data", -1, "at least 1"),
        ("max_buffer_size_target_data", 0, "at least 1"),
    ],
)
def test_sizes_that_would_end_the_process_are_refused(
    call: Call, name: str, value: int, said: str
) -> None:
    with pytest.raises(KernelError, match=f"{name} must be {said}"):
        call("SetKernelStatus", {name: value})
    with pytest.raises(KernelError, match=f"{name} must be {said}"):
        call("set", **{name: value})
    call("Create", "iaf_psc_alpha", 2)
    call("Connect", [1], [2])
    call("Simulate", 1.0)


def test_dump_of_nodes_without_positions_is_refused(call: Call) -> None:
    call("Create", "iaf_psc_alpha", 2)
    with pytest.raises(KernelError, match="LayerExpected in DumpLayerNodes"):
        call("DumpLayerNodes", [1], "nodes.txt")
    assert call("network_size") == 2


def test_grid_of_more_positions_than_nest_counts_is_refused(call: Call) -> None:
    grid = Expression("spatial.grid", [[100_000, 100_000]])
    with pytest.raises(KernelError, match="at most 2147483647 positions"):
        call("Create", "iaf_psc_alpha", positions=grid)
    assert call("network_size") == 0


@pytest.mark.parametrize(
    ("pre", "post", "spec", "endless"),
    [
        ([1], [1], {"rule": "fixed_indegree", "indegree": 1}, True),
        ([1], [1, 2], {"rule": "fixed_indegree", "indegree": 1}, True),
        ([1], [1], {"rule": "fixed_outdegree", "outdegree": 1}, True),
        ([1, 2], [1], {"rule": "fixed_outdegree", "outdegree": 1}, True),
        ([1], [1], {"rule": "fixed_total_number", "N": 1}, True),
        ([1, 2], [1, 2], {"rule": "fixed_indegree", "indegree": 2, "allow_multapses": False}, True),
        ([1], [2], {"rule": "fixed_indegree", "indegree": 1}, False),
        ([1, 2], [1], {"rule": "fixed_indegree", "indegree": 3}, False),
        ([1, 2], [1], {"rule": "fixed_total_number", "N": 3}, False),
        ([1], [1], {"rule": "fixed_indegree", "indegree": 0}, False),
    ],
)
def test_rule_that_could_be_drawn_for_without_end_is_refused(
    call: Call, pre: list[int], post: list[int], spec: dict[str, Any], endless: bool
) -> None:
    call("Create", "iaf_psc_alpha", 2)
    spec = spec | {"allow_autapses": False}
    if endless:
        with pytest.raises(KernelError, match="without autapses"):
            call("Connect", pre, post, spec)
    else:
        call("Connect", pre, post, spec)


def test_more_partners_than_nodes_are_refused_by_nest_itself(call: Call) -> None:
    call("Create", "iaf_psc_alpha", 3)
    spec = {"rule": "fixed_indegree", "indegree": 4}
    spec |= {"allow_multapses": False, "allow_autapses": False}
    with pytest.raises(KernelError, match="Indegree") as raised:
        call("Connect", [1, 2, 3], [1], spec)
    assert raised.value.error_name == "BadProperty"


def test_help_shows_no_text_that_others_could_put_there(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = tmp_path / "iaf_psc_alpha.rst"
    text.write_text("A neuron")
    text.chmod(0o644)
    monkeypatch.setattr(hl_api_helper, "get_help_fname", lambda name: str(tmp_path / f"{name}.rst"))
    assert call("help", "iaf_psc_alpha") == "A neuron"
    text.chmod(0o666)
    with pytest.raises(KernelError, match="not shown: others can write"):
        call("help", "iaf_psc_alpha")


@pytest.mark.parametrize("operands", [["a", "b"], [[1], [2]], [9, 9]])
def test_operators_are_for_objects_of_pynest_alone(call: Call, operands: list[Any]) -> None:
    for name in ("Parameter.add", "Parameter.mul", "Parameter.pow", "Mask.or", "Mask.sub"):
        with pytest.raises(KernelError, match="one of the operands must be a"):
            call(name, *operands)


def test_data_path_belongs_to_the_server(call: Call, tmp_path: Path) -> None:
    before = call("GetKernelStatus", "data_path")
    call("SetKernelStatus", {"data_path": str(tmp_path), "overwrite_files": True})
    assert call("GetKernelStatus", ["data_path", "overwrite_files"]) == [before, True]
