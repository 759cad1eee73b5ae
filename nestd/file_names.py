"""Names of files in the arguments of calls: where they can stand, and what they may be.

NEST opens whatever it is told to. So rank 0 checks each operation before any rank sees it: names
are plain names, which lead nowhere but into the data directory, and what a file gets verbatim has
no line breaks. The tables below name every such place in NEST 3.10, with the source that uses it.
An extension module may have others; whoever allows the module answers for them.

No names of files, though they look like it: ``port_name`` (models/music_*.cpp: a name within a
MUSIC configuration), ``filename`` of ``message`` (libnestutil/logging: printed), ``edges_file``
(nestkernel/sonata_connector.cpp: ``SonataNetwork`` is not offered), and ``FULL_LOGGING`` of
nestkernel/kernel_manager.cpp (a number, and not compiled). Parameters of synapses name no files.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from protocol.errors import ArgumentError, MalformedRequest, NestdError
from protocol.runtime.data_directory import check_file_name
from protocol.wire import json_form
from protocol.wire.messages import Action, Operation
from protocol.wire.values import Expression, Reference, Text, Value


class Rule(enum.Enum):
    """What a name may be."""

    #: Plain name of a file in the data directory, or a part of one; empty for NEST's default.
    PART = "part"
    #: Plain name, which may not be empty.
    NAME = "name"
    #: The data directory.
    DIRECTORY = "directory"
    #: Name of what a recorder records, or several.
    RECORDABLES = "recordables"
    #: Name of a backend that writes into the data directory or nowhere.
    BACKEND = "backend"
    #: Name of a model, of which NEST looks for a text.
    MODEL = "model"
    #: Name of an extension module.
    MODULE = "module"
    #: Nothing: only backends that are not offered use it.
    NOTHING = "nothing"


@dataclass(frozen=True)
class FileParameter:
    """Key of a dictionary of parameters, or attribute, whose value names files."""

    rule: Rule
    #: Where NEST uses it.
    source: str


@dataclass(frozen=True)
class FileArgument:
    """Argument of a call that names a file, or becomes a name of one."""

    parameter: str
    #: Place among the arguments without a name.
    place: int
    rule: Rule
    #: Where NEST uses it.
    source: str


#: Parameters of nodes, models and the kernel, wherever a dictionary has them.
PARAMETERS: dict[str, FileParameter] = {
    "data_path": FileParameter(Rule.DIRECTORY, "nestkernel/io_manager.cpp, set_data_path_prefix_"),
    "data_prefix": FileParameter(Rule.PART, "nestkernel/io_manager.cpp, set_data_path_prefix_"),
    "file_extension": FileParameter(
        Rule.PART, "nestkernel/recording_backend_ascii.cpp, compute_filename_"
    ),
    "filename": FileParameter(Rule.PART, "nestkernel/recording_backend_sionlib.cpp, set_status"),
    "label": FileParameter(
        Rule.PART,
        "nestkernel/recording_backend_ascii.cpp, compute_filename_; get_port of "
        "nestkernel/recording_backend_mpi.cpp and nestkernel/stimulation_backend_mpi.cpp",
    ),
    "mpi_address": FileParameter(
        Rule.NOTHING, "get_port of recording_backend_mpi.cpp and stimulation_backend_mpi.cpp"
    ),
    "record_from": FileParameter(
        Rule.RECORDABLES, "models/multimeter.cpp; recording_backend_ascii.cpp, open_file"
    ),
    "record_to": FileParameter(Rule.BACKEND, "nestkernel/recording_device.cpp, Parameters_::set"),
    "stimulus_source": FileParameter(
        Rule.BACKEND, "nestkernel/stimulation_device.cpp, Parameters_::set"
    ),
}

#: Calls with such arguments.
ARGUMENTS: dict[str, FileArgument] = {
    # Recorders without a label write into files with the name of their model.
    "CopyModel": FileArgument(
        "new", 1, Rule.NAME, "nestkernel/recording_backend_ascii.cpp, compute_filename_"
    ),
    "DumpLayerConnections": FileArgument(
        "outname", 3, Rule.NAME, "nestkernel/spatial.cpp, dump_layer_connections"
    ),
    "DumpLayerNodes": FileArgument(
        "outname", 1, Rule.NAME, "nestkernel/spatial.cpp, dump_layer_nodes"
    ),
    "Install": FileArgument(
        "module_name", 0, Rule.MODULE, "nestkernel/module_manager.cpp, install"
    ),
    "help": FileArgument("obj", 0, Rule.MODEL, "pynest/nest/lib/hl_api_helper.py, get_help_fname"),
}

#: Calls with the name of one parameter and its value as arguments, and the place of the name.
_NAME_AND_VALUE = {"SetDefaults": 1, "SetStatus": 1}

#: Backends that open files or ports elsewhere: what they do.
_BACKENDS_LEFT_OUT = {
    "mpi": "it connects to other programs",
    "sionlib": "its files can be read on the machine of the server only",
}

_KEYS = frozenset(PARAMETERS)
#: Types of values that may have parameters in them.
_HOLDING = (dict, list, tuple, Expression, Text)
#: Types of most values, which hold no others.
_SIMPLE = frozenset([bool, float, int, str, type(None)])
#: Types of values that are no text, and that NEST or PyNEST might make one of.
_NO_TEXT = (bytes, dict, list, tuple, np.ndarray, Expression, Reference)
_WORD = re.compile(r"\w[\w-]*")


class FileNames:
    """Check of the names of files in operations.

    Parameters
    ----------
    data : path of the data directory
    """

    def __init__(self, data: Path) -> None:
        self._data = str(data)

    def check(self, operation: Operation) -> None:
        """Refuse an operation with a name that is none of the data directory.

        To be asked for operations whose traits say that they name files.

        Raises
        ------
        ArgumentError
            If there is such a name; it says what to do instead.
        """
        try:
            self._check(operation)
        except ArgumentError as error:
            raise ArgumentError(
                f"{operation.call}: {error.message}",
                call=operation.call,
                parameter=error.parameter,
            ) from error

    def _check(self, operation: Operation) -> None:
        call, args, kwargs = operation.call, operation.args, operation.kwargs
        if operation.action is Action.SET:
            self._scan({call: args[0] if args else None})
            return
        argument = ARGUMENTS.get(call)
        if argument is not None:
            value = _argument(operation, argument.parameter, argument.place)
            self._check_value(argument.parameter, argument.rule, value)
        place = _NAME_AND_VALUE.get(call)
        if place is not None:
            value = _argument(operation, "val", place + 1)
            if value is not None:
                self._check_pair(_argument(operation, "params", place), value)
        for value in args:
            if isinstance(value, _HOLDING):
                self._scan(value)
        if kwargs:
            self._scan(kwargs)

    def _check_pair(self, name: Value, value: Value) -> None:
        """Check the value of a parameter whose name is an argument by itself."""
        for text in _texts_of(name):
            if not isinstance(text, str):
                raise ArgumentError("params must be text where val is given", parameter="params")
            self._scan({text: value})

    def _scan(self, value: Value) -> None:
        """Check all parameters in ``value``."""
        inner: Iterable[Value]
        have_no_name = _KEYS.isdisjoint
        if isinstance(value, dict):
            for name in _KEYS & value.keys():
                self._check_value(name, PARAMETERS[name].rule, value[name])
            inner = value.values()
        elif isinstance(value, (list, tuple)):
            # Numbers are most of all data, and NEST takes no list that has dictionaries after.
            inner = value if value and isinstance(value[0], _HOLDING) else ()
        elif isinstance(value, Expression):
            inner = (*value.args, value.kwargs)
        else:
            inner = _texts_of(value)
        for item in inner:
            kind = type(item)
            if kind is dict and have_no_name(item):
                # The usual dictionary, perhaps one of very many.
                for inside in item.values():
                    if type(inside) not in _SIMPLE:
                        break
                else:
                    continue
            if kind not in _SIMPLE and isinstance(item, _HOLDING):
                self._scan(item)

    def _check_value(self, parameter: str, rule: Rule, value: Value) -> None:
        """Check the value of a parameter; numbers are left to NEST, which takes none."""
        for text in _texts_of(value):
            for item in text if isinstance(text, (list, tuple)) else (text,):
                if isinstance(item, str):
                    self._check_text(parameter, rule, item)
                elif isinstance(item, _NO_TEXT):
                    raise ArgumentError(f"{parameter} must be text", parameter=parameter)

    def _check_text(self, parameter: str, rule: Rule, text: str) -> None:
        problem = None
        match rule:
            case Rule.PART | Rule.NAME:
                try:
                    if text or rule is Rule.NAME:
                        check_file_name(text)
                except NestdError as error:
                    problem = error.message
            case Rule.DIRECTORY if text not in ("", ".", "./", self._data, self._data + "/"):
                problem = (
                    f"files of this server lie in its data directory, {self._data:.200}, and in no "
                    "other; leave data_path as it is, and fetch the files with GET /files"
                )
            # Quantities of a compartment are named V_m.s and the like.
            case Rule.RECORDABLES if not all(map(str.isidentifier, text.split("."))):
                problem = f"{_shown(text)} is no name of what a model can record"
            case Rule.BACKEND if text in _BACKENDS_LEFT_OUT:
                problem = f"{text} is not offered, as {_BACKENDS_LEFT_OUT[text]}" + (
                    "; record to memory or ascii"
                    if parameter == "record_to"
                    else "; use a generator such as spike_generator"
                )
            case Rule.MODEL | Rule.MODULE if not _WORD.fullmatch(text):
                problem = f"{_shown(text)} is no name of a {rule.value}"
            case Rule.NOTHING:
                problem = "the backend mpi is not offered, as it connects to other programs"
        if problem is not None:
            raise ArgumentError(f"{parameter}: {problem}", parameter=parameter)


def _argument(operation: Operation, parameter: str, place: int) -> Value:
    """Return an argument by its place or its name; ``None`` if it is not given."""
    if len(operation.args) > place:
        return operation.args[place]
    return operation.kwargs.get(parameter)


def _texts_of(value: Value) -> Iterable[Value]:
    """Return what a text of a query string may stand for; of anything else, the value itself."""
    if not isinstance(value, Text):
        return (value,)
    found: list[Value] = list(value.values)
    for text in value.values:
        try:
            found.append(json_form.loads(text))
        except MalformedRequest:
            continue
    return found


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else f"{text[:80]}…")
