"""Rules for fields, and the status of one process that they make of all ranks'."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestd.partial import policies
from nestd.partial.policies import GENERIC, Policy
from nestd.partial.status import KernelFields, ModelDefaults
from protocol.errors import ArgumentError, InternalError, KernelError
from tests.unit.partial.ranks import merged


@pytest.mark.parametrize(
    ("policy", "field", "values", "expected"),
    [
        (Policy.IDENTICAL, "C_m", [250.0, 250.0], 250.0),
        (Policy.SUM, "n_events", [26, 38], 64),
        (Policy.MAXIMUM, "max_update_time", [1.5, 2.5], 2.5),
        (Policy.MINIMUM, "min_update_time", [1.5, 2.5], 1.5),
        (Policy.FILES, "filenames", [["a-0", "a-2"], ["a-1", "a-3"]], ["a-3", "a-2", "a-1", "a-0"]),
        (Policy.VIRTUAL_PROCESSES, "local_num_threads", [2, 2], 4),
        (Policy.WALL_TIME, "time_simulate", [1.0, 3.0], 3.0),
        (Policy.GENERIC, "mpi_rank", [0, 1], GENERIC["mpi_rank"]),
        (Policy.OF_OWNER, "vp", [0, 1], 0),
        (Policy.THREAD, "thread", [1, 1], 2),
    ],
    ids=lambda value: value.name if isinstance(value, Policy) else None,
)
def test_policy_of_two_ranks(
    policy: Policy, field: str, values: list[Any], expected: object
) -> None:
    assert policies.merge_field("call", field, policy, values) == expected


@pytest.mark.parametrize("policy", [Policy.BY_THREAD, Policy.WALL_TIME], ids=lambda p: p.name)
@given(ranks=st.integers(1, 5), threads=st.integers(1, 4))
def test_entries_of_threads_are_in_the_order_of_virtual_processes(
    policy: Policy, ranks: int, threads: int
) -> None:
    # Virtual process v is on rank v % ranks.
    values = [np.arange(rank, ranks * threads, ranks) for rank in range(ranks)]
    found = policies.merge_field("call", "capacity", policy, values)
    assert found.tolist() == list(range(ranks * threads))


def test_every_policy_is_used_or_tested_here() -> None:
    tested = {
        *policies.NODE_FIELDS.values(),
        *policies.KERNEL_FIELDS.values(),
        *policies.DEFAULT_FIELDS.values(),
        Policy.IDENTICAL,
        Policy.WALL_TIME,
    }
    assert tested == set(Policy)


def test_generic_fields_have_a_constant() -> None:
    for table in (policies.NODE_FIELDS, policies.KERNEL_FIELDS, policies.DEFAULT_FIELDS):
        generic = {field for field, policy in table.items() if policy is Policy.GENERIC}
        assert generic <= GENERIC.keys()


# Status of the kernel

STATUS = [
    {"num_connections": 16, "mpi_rank": 0, "resolution": 0.1, "num_processes": 2},
    {"num_connections": 24, "mpi_rank": 1, "resolution": 0.1, "num_processes": 2},
]


def kernel_status(*statuses: dict[str, Any], keys: Any = None) -> Any:
    """The merged status of ranks that have ``statuses``."""
    parts = [KernelFields.collect({"num_connections": 0} | each, keys) for each in statuses]
    return merged("GetKernelStatus", *parts)


def test_kernel_status_is_that_of_one_process() -> None:
    one = {"mpi_rank": 0, "num_connections": 40, "num_processes": 1, "resolution": 0.1}
    assert kernel_status(*STATUS) == one
    assert kernel_status(*STATUS, keys="num_connections") == 40
    assert kernel_status(*STATUS, keys=["resolution", "mpi_rank"]) == (0.1, 0)
    with pytest.raises(KernelError, match="nope"):
        kernel_status(*STATUS, keys="nope")


@pytest.mark.parametrize("field", ["time_simulate", "time_construction_connect_cpu", "time_x"])
def test_all_times_of_the_kernel_are_wall_times(field: str) -> None:
    assert kernel_status({field: 1.0}, {field: 2.0}, keys=field) == 2.0


def test_field_of_the_kernel_without_a_rule_that_differs_is_an_error_naming_it() -> None:
    with pytest.raises(InternalError, match="field 'resolution' of GetKernelStatus"):
        kernel_status({"resolution": 0.1}, {"resolution": 0.2})


#: What NEST says of delays where there is no connection.
NO_DELAYS = {"min_delay": 1.0, "max_delay": 1.0}


@given(
    delays=st.lists(st.floats(0.1, 100.0), max_size=12),
    ranks=st.lists(st.integers(0, 4), min_size=12, max_size=12),
    count=st.integers(1, 5),
)
def test_delays_are_those_of_connections_wherever_they_are(
    delays: list[float], ranks: list[int], count: int
) -> None:
    def status(own: list[float]) -> dict[str, Any]:
        extremes = {"min_delay": min(own), "max_delay": max(own)} if own else NO_DELAYS
        return {"num_connections": len(own)} | extremes

    spread = [
        [delay for delay, rank in zip(delays, ranks, strict=False) if rank % count == own]
        for own in range(count)
    ]
    assert kernel_status(*map(status, spread)) == status(delays)


# Defaults of models

DEFAULTS = [
    {"capacity": np.array([0, 2]), "num_connections": 3, "C_m": 250.0, "thread": -1},
    {"capacity": np.array([1, 3]), "num_connections": 4, "C_m": 250.0, "thread": -1},
]


def defaults(keys: Any = None, output: str = "") -> Any:
    """The merged defaults of two ranks."""
    parts = [ModelDefaults.collect(each, keys, output) for each in DEFAULTS]
    return merged("GetDefaults", *parts)


def test_defaults_count_all_virtual_processes() -> None:
    found = defaults()
    assert found.pop("capacity").tolist() == [0, 1, 2, 3]
    assert found == {"C_m": 250.0, "num_connections": 7, "thread": -1}


def test_defaults_have_the_format_that_is_asked_for() -> None:
    assert defaults(["C_m", "num_connections"]) == [250.0, 7]
    assert defaults(("num_connections",)) == [7]
    assert defaults("C_m", "json") == "250.0"
    with pytest.raises(ArgumentError, match="output can be 'json' or '', not 'pandas'"):
        defaults("C_m", "pandas")


@pytest.mark.parametrize("keys", [5, {"C_m": 1}])
def test_what_is_no_key_is_the_key_error_of_pynest(keys: Any) -> None:
    with pytest.raises(KeyError):
        defaults(keys)
