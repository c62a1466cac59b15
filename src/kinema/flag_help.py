"""Flags as `--help` shows them, for a person who knows no Python.

a setting that may be left out     --window FLOAT     and not {None}|FLOAT, (default: None)
one whose text speaks of `None`    (default: None)    since it may be given: `--optim.clip-grad None`
something that is done or not      no (default: False); of what is done by default, that the flag ends it
texts                              as wide as the terminal, wherever the source breaks their lines
"""

from __future__ import annotations

import dataclasses
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tyro
from tyro.constructors import (
    MISSING,
    MISSING_NONPROP,
    ConstructorRegistry,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

NAMES = {int: "INT", float: "FLOAT", str: "STR"}


def plain_help() -> ConstructorRegistry:
    """What tyro has to be told; within `with plain_help():` its flags read as above."""
    registry = ConstructorRegistry()
    asking: list[StructTypeInfo] = []

    @registry.struct_rule
    def _(info: StructTypeInfo) -> StructConstructorSpec | None:
        if asking or not dataclasses.is_dataclass(info.type):
            return None
        asking.append(info)  # tyro's own rule is wanted, not this one again
        try:
            found = ConstructorRegistry.get_struct_spec(info)
        finally:
            asking.pop()
        if not isinstance(found, StructConstructorSpec):
            return None
        return dataclasses.replace(found, fields=tuple(map(shown, found.fields)))

    return registry


def shown(field: StructFieldSpec) -> StructFieldSpec:
    """A flag with the text, the metavar and the default that a person is shown."""
    kind, *marks = get_args(field.type) if get_origin(field.type) is Annotated else (field.type,)
    if dataclasses.is_dataclass(kind):
        return field

    def text() -> str | None:
        found = field.helptext() if callable(field.helptext) else field.helptext
        return found and flowing(found)

    ours = tyro.conf.arg(metavar=metavar(kind), help_behavior_hint=hint(field.default, text))
    return dataclasses.replace(field, type=Annotated[(kind, ours, *marks)], helptext=text)  # type: ignore[arg-type]


def hint(default: Any, text: Any) -> Any:
    """What stands behind a flag's text; None where it is to be what tyro says."""
    if default is None:
        return lambda label: "(default: None)" if "None" in (text() or "") else ""
    if default is True:
        return "(done unless this flag is given)"
    nothing = any(default is each for each in (False, (), MISSING, MISSING_NONPROP))
    return "" if nothing else None


def metavar(kind: Any) -> str | None:
    """Of a setting that may be left out: that of what may be given. None where it is to be what tyro says."""
    if get_origin(kind) not in (Union, UnionType) or NoneType not in get_args(kind):
        return None
    given = [each for each in get_args(kind) if each is not NoneType]
    if len(given) != 1:
        return None
    [one] = given
    if get_origin(one) is Literal:
        return "{" + ",".join(map(str, get_args(one))) + "}"
    if get_origin(one) is tuple:
        name = NAMES[get_args(one)[0]]
        return f"{name} [{name} ...]"
    return NAMES.get(one)


def flowing(text: str) -> str:
    """A text with one line a paragraph."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
