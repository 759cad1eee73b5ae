"""Arguments that are larger than what a server takes in one request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nest_remote
from nest_remote import NESTServerError
from NESTServerClient import NESTServerClient
from tests.integration.servers import Server


def test_the_error_names_the_argument_and_the_setting(start: Callable[..., Server]) -> None:
    server = start({"NEST_SERVER_BODY_LIMIT_MIB": "1"})
    nest_remote.connect(server.url, token=server.token)
    nsc = NESTServerClient("127.0.0.1", server.port, server.token)
    nodes = nsc.Create("iaf_psc_alpha", 400)
    other = nest_remote.NodeCollection(nodes.tolist())
    weights = np.ones((400, 400))
    asked: dict[str, Callable[[], Any]] = {
        "argument 4['weight'], a float64 array of shape (400, 400), takes 1 MiB": lambda: (
            nest_remote.Connect(other, other, "all_to_all", {"weight": weights})
        ),
        "of which syn_spec['weight'], a float64 array": lambda: nsc.Connect(
            nodes, nodes, "all_to_all", syn_spec={"weight": weights}
        ),
        "of which argument 2['spike_times'], a list, takes 2 MiB": lambda: nsc.SetDefaults(
            "spike_generator", {"spike_times": [1.0] * 200_000}
        ),
        "batch: its arguments take 1 MiB": lambda: nsc.batch(
            [
                ("GetKernelStatus",),
                ("SetDefaults", ["spike_generator", {"spike_times": weights[0:350].ravel()}]),
            ]
        ),
        "SetDefaults: its arguments take": lambda: nsc.submit(
            "SetDefaults", "spike_generator", {"spike_times": weights.ravel()}
        ),
    }
    for words, ask in asked.items():
        with pytest.raises(NESTServerError) as caught:
            ask()
        assert all(part in str(caught.value) for part in words.split(".*")), str(caught.value)
        assert "NEST_SERVER_BODY_LIMIT_MIB" in str(caught.value)
        assert (caught.value.status, caught.value.error_name) == (413, "RequestTooLarge")
    nsc.close()
    nest_remote.disconnect()
