"""Frozen dataclasses to JSON and back, refusing what is missing, unknown or of another type.

A field with a default may be missing: it came to kinema after the file was written.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from kinema.errors import UsageError, nearest
from kinema.json_file import read_json

Record = TypeVar("Record")


def to_json(record: Any) -> str:
    """Indented JSON of a dataclass instance, in the order of its fields; NaN and infinity are a `ValueError`."""
    return json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(kind: type[Record], path: Path) -> Record:
    """Read a dataclass from a file; every error names the file and the field."""
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a readable result file ({error}); write it again") from error
    built: Record = _build(kind, content, path, "")
    return built


def _build(kind: Any, value: Any, path: Path, field: str) -> Any:
    """`value` as an instance of the annotated type `kind`; `field` is its dotted name."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _build_record(kind, value, path, field)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        options = [option for option in arguments if option is not type(None) and _fits(option, value)]
        return _build(options[0] if options else _wrong(kind, value, path, field), value, path, field)
    if not _fits(kind, value):
        _wrong(kind, value, path, field)
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(value):
            _wrong(kind, value, path, field)
        return tuple(_build(k, v, path, f"{field}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True)))
    if origin is dict:
        return {key: _build(arguments[1], item, path, f"{field}.{key}") for key, item in value.items()}
    return float(value) if kind is float else value


def _build_record(kind: Any, value: Any, path: Path, field: str) -> Any:
    if not isinstance(value, dict):
        _wrong(kind, value, path, field)
    known = typing.get_type_hints(kind)
    prefix = f"{field}." if field else ""
    for name in value:
        if name not in known:
            raise UsageError(f"{path}: unknown field '{prefix}{name}'; {nearest(name, list(known))}")
    optional = {each.name for each in dataclasses.fields(kind) if each.default is not dataclasses.MISSING}
    for name in known:
        if name not in value and name not in optional:
            raise UsageError(f"{path}: field '{prefix}{name}' is missing; write the result again with this version")
    return kind(**{name: _build(known[name], value[name], path, prefix + name) for name in known if name in value})


def _fits(kind: Any, value: Any) -> bool:
    """Whether a JSON value is of the outer type that an annotation asks for."""
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return value in typing.get_args(kind)
    if origin is tuple:
        return isinstance(value, list)
    if dataclasses.is_dataclass(kind) or origin is dict:
        return isinstance(value, dict)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _wrong(kind: Any, value: Any, path: Path, field: str) -> typing.NoReturn:
    name = str(kind).removeprefix("typing.") if typing.get_origin(kind) else getattr(kind, "__name__", str(kind))
    raise UsageError(f"{path}: field '{field}' is {json.dumps(value)[:60]}, not {name}; write the result again")
