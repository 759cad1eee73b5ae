"""Description of the allow list: parameters of each name, and its documentation."""

from __future__ import annotations

import inspect
from typing import Any

from nestd.kernel.api.allow_list import AllowList, Entry, Role
from nestd.kernel.api.parameters import ALIASES
from nestd.kernel.pynest import nest
from protocol.api_description import ApiDescription, Call, CallParameter, Given

_GIVEN = {
    inspect.Parameter.POSITIONAL_ONLY: Given.BY_POSITION,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: Given.EITHER,
    inspect.Parameter.KEYWORD_ONLY: Given.BY_NAME,
    inspect.Parameter.VAR_POSITIONAL: Given.REST,
    inspect.Parameter.VAR_KEYWORD: Given.NAMES,
}

#: Beginning of the names of PyNEST's own modules; the rest names a group of functions.
_MODULE = "nest.lib.hl_api_"


def described(allow_list: AllowList) -> ApiDescription:
    """Describe every name of ``allow_list``."""
    entries = map(allow_list.find, allow_list.names)
    return ApiDescription(nest.__version__, tuple(map(_call, entries)))


def documentation(entry: Entry) -> str:
    """Return PyNEST's documentation of ``entry``; empty if there is none."""
    return inspect.getdoc(entry.documented) or ""


def _call(entry: Entry) -> Call:
    return Call(
        name=entry.name,
        role=entry.role.value,
        group=_group(entry),
        signature=str(entry.signature),
        documentation=documentation(entry),
        parameters=tuple(_parameter(entry, p) for p in entry.signature.parameters.values()),
        settable=entry.role is Role.ATTRIBUTE
        and entry.name not in (type(nest)._readonly_kernel_attrs | {"userdict"}),
    )


def _group(entry: Entry) -> str:
    if entry.role is Role.ATTRIBUTE:
        return "kernel attributes"
    owner, dot, _ = entry.name.partition(".")
    if dot:
        return owner
    module = getattr(entry.documented, "__module__", "")
    if not module.startswith(_MODULE):
        return "kernel"
    return module.removeprefix(_MODULE).replace("_", " ")


def _parameter(entry: Entry, parameter: inspect.Parameter) -> CallParameter:
    given = _GIVEN[parameter.kind]
    has_default = parameter.default is not parameter.empty
    return CallParameter(
        name=parameter.name,
        kind=entry.kinds[parameter.name],
        given=given,
        required=not has_default and given not in (Given.REST, Given.NAMES),
        default_text=str(parameter).partition("=")[2] if has_default else "",
        default=_plain(parameter.default) if has_default else None,
        aliases=tuple(
            alias
            for (call, alias), name in ALIASES.items()
            if call == entry.name and name == parameter.name
        ),
    )


def _plain(default: Any) -> Any:
    """Return ``default`` as JSON has it: levels of verbosity are numbers to callers."""
    return int(default) if isinstance(default, nest.VerbosityLevel) else default
