"""What callers can be told of the catalogue: what each name takes, and its documentation."""

from __future__ import annotations

import inspect
from typing import Any

from nestd.kernel.api.allow_list import Catalogue, Entry, Role
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

#: Start of the names of PyNEST's own modules, the rest of which says what a function is about.
_MODULE = "nest.lib.hl_api_"


def described(catalogue: Catalogue) -> ApiDescription:
    """Every name of ``catalogue``."""
    entries = map(catalogue.find, catalogue.names)
    return ApiDescription(nest.__version__, tuple(map(_call, entries)))


def documentation(entry: Entry) -> str:
    """PyNEST's documentation of ``entry``; empty if there is none."""
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


def _parameter(entry: Entry, found: inspect.Parameter) -> CallParameter:
    given = _GIVEN[found.kind]
    has_default = found.default is not found.empty
    return CallParameter(
        name=found.name,
        kind=entry.kinds[found.name],
        given=given,
        required=not has_default and given not in (Given.REST, Given.NAMES),
        default_text=str(found).partition("=")[2] if has_default else "",
        default=_plain(found.default) if has_default else None,
        aliases=tuple(
            alias
            for (call, alias), name in ALIASES.items()
            if call == entry.name and name == found.name
        ),
    )


def _plain(default: Any) -> Any:
    """``default`` as JSON has it: levels of verbosity are numbers to callers."""
    return int(default) if isinstance(default, nest.VerbosityLevel) else default
