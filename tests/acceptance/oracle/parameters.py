"""Parameters: every constructor and operator, drawn, applied and used."""

from __future__ import annotations

from typing import Any

from tests.acceptance.oracle.asking import Ask, expression
from tests.acceptance.oracle.known import DRAWN_IN_PAIRS


def random_distributions(ask: Ask) -> None:
    """Each random distribution: drawn from, and as the parameter of new nodes."""
    for number, parameter in enumerate(
        [
            expression("random.uniform"),
            expression("random.uniform", -1.0, 1.0),
            expression("random.uniform_int", 10),
            expression("random.normal", 1.0, 2.0),
            expression("random.exponential", 2.0),
            expression("random.lognormal", 0.5, 0.25),
            expression("CreateParameter", "constant", {"value": 3.5}),
            expression("CreateParameter", "uniform", {"min": 1.0, "max": 2.0}),
        ]
    ):
        first = 3 * number + 1
        ask("Parameter.GetValue", parameter)
        ask("Parameter.is_spatial", parameter)
        ask("Create", "iaf_psc_alpha", 3, {"V_m": parameter})
        ask("GetStatus", [first, first + 1, first + 2], "V_m")
        if parameter["$call"] not in DRAWN_IN_PAIRS:
            ask.maybe("Parameter.apply", parameter, [first, first + 1, first + 2])
    for name in ("random.uniform", "random.normal", "random.exponential", "random.lognormal"):
        ask(name)
    ask("random.uniform_int", 5)


def arithmetic(ask: Ask) -> None:
    """Each operator and function of parameters."""
    ask("Create", "iaf_psc_alpha", positions=expression("spatial.grid", [3, 2]))
    layer = [1, 2, 3, 4, 5, 6]
    x, y = expression("spatial.pos.x"), expression("spatial.pos.y")
    binary = [
        expression(f"Parameter.{name}", x, other)
        for name in ("add", "sub", "mul", "truediv", "lt", "le", "gt", "ge", "eq", "ne")
        for other in (y, 0.25)
    ]
    unary = [
        expression("Parameter.neg", x),
        expression("Parameter.pow", x, 2.0),
        expression("math.exp", x),
        expression("math.sin", x),
        expression("math.cos", x),
        expression("math.min", x, 0.1),
        expression("math.max", x, 0.1),
        expression("logic.conditional", expression("Parameter.gt", x, y), 1.0, 2.0),
        expression("math.redraw", expression("random.uniform"), 0.2, 0.5),
    ]
    for parameter in [*binary, *unary]:
        ask("Parameter.apply", parameter, layer)
        ask("SetStatus", layer, {"V_m": parameter})
        ask("GetStatus", layer, "V_m")
    ask("Parameter.apply", expression("spatial.distance"), layer[2:3], [[0.1, 0.2], [0.3, 0.4]])
    held = ask.held("random.uniform", 1.0, 3.0)
    twice = ask.held("Parameter.mul", held, 2.0)
    ask("Parameter.GetValue", twice)
    ask.maybe("CreateParameter", "uniform", {"min": 0.0, "max": 1.0})
    ask.maybe("CreateMask", "circular", {"radius": 1.0})


def seeds_and_generators(ask: Ask) -> None:
    """Random numbers follow the seed and the generator, whatever the number of ranks."""
    for kind in ask("rng_types"):
        for seed in (1, 4711):
            ask.anew()
            ask("SetKernelStatus", {"rng_type": kind, "rng_seed": seed})
            nodes: list[Any] = ask(
                "Create", "iaf_psc_alpha", 6, {"V_m": expression("random.normal", -60.0, 1.0)}
            )
            rule = {"rule": "fixed_indegree", "indegree": 2}
            ask("Connect", nodes, nodes, rule, {"weight": expression("random.uniform")})
            ask("GetStatus", nodes, "V_m")
            ask("GetConnections")
            ask("Parameter.GetValue", expression("random.uniform"))
