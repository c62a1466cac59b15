"""A whole recipe, and how it is kept in a file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from kinema.errors import UsageError, nearest
from kinema.settings.coclr import CoCLR
from kinema.settings.contrastive import IIC, DualVar, SimCLR
from kinema.settings.converted import Converted
from kinema.settings.dense import DPC, MemDPC
from kinema.settings.inputs import Augment, Clip
from kinema.settings.mars import Mars
from kinema.settings.meta_contrast import MCN, MetaContrast
from kinema.settings.method import MethodSettings
from kinema.settings.momentum import BYOL, MoCo, RSPNet, SwAV
from kinema.settings.order import OPN, PCL, VCOP, VCP
from kinema.settings.pace import Pace, SpeedNet
from kinema.settings.prp import PRP
from kinema.settings.spatial import Jigsaw, RotNet, STPuzzle
from kinema.settings.tclr import TCLR
from kinema.settings.training import Backbone, Optim, Train
from kinema.settings.two_views import CMC

T = TypeVar("T")

AnyMethod = (
    MCN
    | CMC
    | SimCLR
    | IIC
    | DualVar
    | DPC
    | MemDPC
    | MoCo
    | TCLR
    | BYOL
    | SwAV
    | RotNet
    | STPuzzle
    | Jigsaw
    | PRP
    | VCOP
    | OPN
    | Pace
    | SpeedNet
    | VCP
    | PCL
    | CoCLR
    | RSPNet
    | Mars
)  # fmt: skip
"""Every method's settings; the command line makes flags of those of the recipe's method."""
METHOD_SETTINGS: dict[str, type[MethodSettings]] = {each().name: each for each in AnyMethod.__args__}


def method_title(method: str) -> str:
    """A method's name as people write it: "SimCLR" of "simclr"; in capitals if it is none of ours."""
    return METHOD_SETTINGS[method].__name__ if method in METHOD_SETTINGS else method.upper()


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a pre-training run, except the data it is given."""

    recipe: str = "mcn"
    """The recipe's name, for the record."""
    method: AnyMethod | Converted = field(default_factory=MCN)
    clip: Clip = field(default_factory=Clip)
    augment: Augment = field(default_factory=Augment)
    backbone: Backbone = field(default_factory=Backbone)
    optim: Optim = field(default_factory=Optim)
    train: Train = field(default_factory=Train)

    def __post_init__(self) -> None:
        if self.train.compile and isinstance(self.method, MetaContrast) and self.method.meta.order == 2:
            raise UsageError(
                "--train.compile makes a network without second derivatives, which --method.meta.order 2 takes"
            )


def from_dict(cls: type[T], values: dict[str, Any], where: str = "") -> T:
    """The dataclass that `dataclasses.asdict` turned into `values`, nested ones included.

    Raises:
        UsageError: a field is unknown, and it names the nearest known one; or a value is of another kind or out of its
            range.
    """
    hints = get_type_hints(cls)
    known = [each.name for each in fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise UsageError(f"unknown setting '{where}{name}': {nearest(name, known)}")
    return cls(**{name: _from_value(hints[name], name, value, where) for name, value in values.items()})


def _from_value(hint: Any, name: str, value: Any, where: str) -> Any:
    if name == "method" and isinstance(value, dict):
        named = str(value.get("name"))
        if named == Converted.name:
            return from_dict(Converted, value, "method.")
        if named not in METHOD_SETTINGS:
            raise UsageError(f"unknown method '{named[:60]}': {nearest(named, list(METHOD_SETTINGS))}")
        hint = METHOD_SETTINGS[named]
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise UsageError(f"setting '{where}{name}' is {value!r}, where settings by name were expected")
        return from_dict(hint, value, f"{where}{name}.")  # type: ignore[arg-type]
    value = tuple(value) if isinstance(value, list) else value
    if not _fits(hint, value):
        kind = str(hint).removeprefix("typing.") if get_origin(hint) else getattr(hint, "__name__", hint)
        raise UsageError(f"setting '{where}{name}' is {str(value)[:60]!r}, where {kind} was expected")
    return value


def _fits(hint: Any, value: Any) -> bool:
    """Whether a value, its lists made tuples, is of an annotated type; a whole number is a float too."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(each, value) for each in arguments)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in arguments)
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if isinstance(value, tuple) and arguments[-1] is ... else list(arguments)
        return isinstance(value, tuple) and len(kinds) == len(value) and all(map(_fits, kinds, value))
    if hint in (int, float):
        return isinstance(value, hint if hint is int else (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint)


def differences(old: dict[str, Any], new: dict[str, Any], where: str = "") -> list[str]:
    """One "name: old -> new" for each setting in which two saved recipes differ."""
    found = []
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            found += differences(before, after, f"{where}{name}.")
        elif before != after:
            found.append(f"{where}{name}: {before} -> {after}")
    return found
