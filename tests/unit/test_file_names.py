"""Check of names of files: wherever one hides, it is found; whatever leads elsewhere is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nestd.call_traits import TRAITS
from nestd.file_names import ARGUMENTS, PARAMETERS, FileNames
from nestd.kernel.api.allow_list import AllowList
from nestd.kernel.layers import Layers
from nestd.kernel.simulation import Simulation
from protocol.errors import ArgumentError
from protocol.wire.messages import Action, Operation
from protocol.wire.values import Expression, Reference, Text

DATA = "/srv/data"
CHECK = FileNames(Path(DATA)).check


class OwnText(str):
    """Text of a caller's own class."""


def called(call: str, *args: Any, **kwargs: Any) -> Operation:
    return Operation(Action.CALL_JSON, call, list(args), kwargs)


def refused(operation: Operation) -> ArgumentError:
    with pytest.raises(ArgumentError) as found:
        CHECK(operation)
    return found.value


#: Ways in which a caller gives a parameter with a value.
HIDDEN = {
    "dictionary of Create": lambda key, value: called("Create", "multimeter", 1, {key: value}),
    "in place of the number": lambda key, value: called("Create", "multimeter", {key: value}),
    "by the parameter's name": lambda key, value: called("Create", model="m", params={key: value}),
    "of one of many nodes": lambda key, value: called("Create", "m", 2, [{}, {key: value}]),
    "in a tuple": lambda key, value: called("Create", "m", 2, ({}, {key: value})),
    "of SetStatus": lambda key, value: called("SetStatus", [1], {key: value}),
    "name and value": lambda key, value: called("SetStatus", [1], key, value),
    "name and value by names": lambda key, value: called(
        "SetStatus", nodes_or_conns=[1], params=key, val=value
    ),
    "of several nodes": lambda key, value: called("SetStatus", [1, 2], [{}, {key: value}]),
    "keyword of set": lambda key, value: called("NodeCollection.set", [1], **{key: value}),
    "dictionary of set": lambda key, value: called("NodeCollection.set", [1], {key: value}),
    "defaults": lambda key, value: called("SetDefaults", "multimeter", {key: value}),
    "one default": lambda key, value: called("SetDefaults", "multimeter", key, value),
    "defaults of a copy": lambda key, value: called("CopyModel", "m", "copy", {key: value}),
    "of the kernel": lambda key, value: called("SetKernelStatus", {key: value}),
    "attribute by set": lambda key, value: called("set", **{key: value}),
    "attribute": lambda key, value: Operation(Action.SET, key, [value]),
    "within another dictionary": lambda key, value: called(
        "SetKernelStatus", {"recording_backends": {"sionlib": {key: value}}}
    ),
    "within a list": lambda key, value: called("Create", "m", 1, {"compartments": [{key: value}]}),
    "in a union of dictionaries": lambda key, value: called(
        "Create", "m", 1, Expression("Mask.or", [{key: value}, {}])
    ),
    "in a named operand": lambda key, value: called(
        "Create", "m", 1, Expression("Mask.or", [], {"a": {key: value}})
    ),
    "after an operand that is text": lambda key, value: called(
        "Create", "m", 1, Expression("Parameter.add", ["x", [{key: value}]])
    ),
    "for callers with objects": lambda key, value: Operation(
        Action.CALL_PYNEST, "NodeCollection.set", [[1]], {key: value}
    ),
    "in a query string": lambda key, value: called(
        "Create", Text(("m",)), params=Text((json.dumps({key: value}),))
    ),
    "as a field of a query string": lambda key, value: called("set", **{key: Text((value,))}),
    "as JSON in a query string": lambda key, value: called(
        "set", **{key: Text((json.dumps(value),))}
    ),
    "name and value in a query string": lambda key, value: called(
        "SetStatus", Text(("1",)), params=Text((key,)), val=Text((value,))
    ),
}

#: Parameter and a value that is refused.
BAD = [
    *(
        ("label", name)
        for name in ("../x", "a/b", "/x", "..", ".x", "a\nb", "a\0b", "\x7f", "é" * 101)
    ),
    ("data_prefix", "../"),
    ("data_prefix", "."),
    ("file_extension", "/../x"),
    ("file_extension", "dat\n"),
    ("filename", "/etc/passwd"),
    ("data_path", "/tmp"),
    ("data_path", ".."),
    ("data_path", "results"),
    ("data_path", f"{DATA}/.."),
    ("data_path", f"{DATA}/x"),
    ("record_from", "V_m\nlibrary_names='x'"),
    ("record_from", "V m"),
    ("record_from", "../V_m"),
    ("record_from", "V_m."),
    ("record_to", "mpi"),
    ("record_to", "sionlib"),
    ("stimulus_source", "mpi"),
    ("mpi_address", "tag#0$description#host$port#1$"),
]

GOOD = [
    *(("label", name) for name in ("", "spikes", "a-b_c.1", "Spikes of layer 4", "été")),
    ("data_prefix", ""),
    ("data_prefix", "run-"),
    ("file_extension", "dat"),
    ("file_extension", "tar.gz"),
    *(("data_path", path) for path in ("", ".", "./", DATA, f"{DATA}/")),
    *(("record_from", name) for name in ("V_m", "v_comp0", "g_1", "V_m.s", "I_ex.p")),
    *(("record_to", backend) for backend in ("memory", "ascii", "screen", "own_backend")),
]


@pytest.mark.parametrize("way", HIDDEN)
def test_name_is_found_wherever_it_hides(way: str) -> None:
    assert refused(HIDDEN[way]("label", "../x")).parameter == "label"
    CHECK(HIDDEN[way]("label", "x"))


@pytest.mark.parametrize(("parameter", "value"), BAD)
def test_what_leads_elsewhere_is_refused(parameter: str, value: str) -> None:
    way = HIDDEN["dictionary of Create"]
    for given in (value, OwnText(value), np.str_(value), [value], ["x", value], (value,)):
        error = refused(way(parameter, given))
        assert error.message.startswith(f"Create: {parameter}: ")
        assert (error.call, error.parameter) == ("Create", parameter)
        assert error.message.isprintable()
        assert len(error.message) < 500


@pytest.mark.parametrize(("parameter", "value"), GOOD)
def test_what_stays_in_the_data_directory_is_not_refused(parameter: str, value: str) -> None:
    CHECK(HIDDEN["dictionary of Create"](parameter, value))
    CHECK(HIDDEN["dictionary of Create"](parameter, [value]))


@pytest.mark.parametrize(
    "value",
    [
        b"../x",
        np.zeros(()),
        np.zeros(2),
        {"x": "y"},
        [["../x"]],
        Reference("Parameter", 1, "g"),
        Expression("Parameter.add", ["..", "/x"]),
        ["a", b"/"],
    ],
)
def test_what_is_no_text_is_refused(value: Any) -> None:
    assert "must be text" in refused(HIDDEN["dictionary of Create"]("label", value)).message
    assert "must be text" in refused(called("DumpLayerNodes", [1], value)).message


def test_name_of_a_parameter_can_not_be_computed() -> None:
    computed = Expression("Parameter.add", ["la", "bel"])
    assert "params" in refused(called("SetStatus", [1], computed, "../x")).message


@pytest.mark.parametrize("value", [None, 1, 2.5, True, []])
def test_what_nest_takes_for_no_text_is_left_to_nest(value: Any) -> None:
    CHECK(HIDDEN["dictionary of Create"]("label", value))


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (called("DumpLayerNodes", [1], "/tmp/x"), "has a slash"),
        (called("DumpLayerNodes", [1], outname=""), "is empty"),
        (called("DumpLayerNodes", Text(("1",)), outname=Text(("../x",))), "has a slash"),
        (called("DumpLayerConnections", [1], [1], "static_synapse", "../x"), "has a slash"),
        (called("CopyModel", "spike_recorder", "../../x"), "has a slash"),
        (called("CopyModel", "spike_recorder", new="x\n"), "can't be printed"),
        (called("CopyModel", "spike_recorder", Expression("Parameter.add", ["/", "x"])), "text"),
        (called("Install", "/tmp/x.so"), "no name of a module"),
        (called("Install", "x.la"), "no name of a module"),
        (called("Install", module_name="../x"), "no name of a module"),
        (called("help", "/etc/passwd"), "no name of a model"),
        (called("help", obj="../index"), "no name of a model"),
        (called("help", "x\n"), "no name of a model"),
    ],
)
def test_arguments_that_name_files_are_checked(operation: Operation, words: str) -> None:
    assert words in refused(operation).message


def test_usual_calls_are_not_refused() -> None:
    CHECK(called("DumpLayerNodes", [1], "layer.txt"))
    CHECK(called("CopyModel", "stdp_synapse", "plastic-2", {"weight": 2.0}))
    CHECK(called("Install", "my_module"))
    CHECK(called("help", "iaf_psc_alpha"))
    CHECK(called("help"))
    CHECK(called("SetStatus", [1], "V_m", 1.0))


def test_refusals_say_what_to_do() -> None:
    assert "GET /files" in refused(called("SetKernelStatus", {"data_path": "x"})).message
    assert "memory or ascii" in refused(called("Create", "m", 1, {"record_to": "mpi"})).message


def test_each_call_of_the_table_is_offered_and_checked() -> None:
    allow_list = AllowList(Layers(), Simulation())
    for call, argument in ARGUMENTS.items():
        assert TRAITS[call].names_files
        parameters = list(allow_list.find(call).signature.parameters)
        assert parameters[argument.place] == argument.parameter
    assert all(it.source for it in (*PARAMETERS.values(), *ARGUMENTS.values()))
