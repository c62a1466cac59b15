"""Which results may stand in one column, and which in one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kinema.errors import UsageError
from kinema.evaluate.protocol import Result
from kinema.tables.definition import PaperTable
from kinema.tables.finding import Found


def everything(result: Result) -> dict[str, Any]:
    """All that has to be equal for two figures to compare: the protocol, its settings, and the network."""
    protocol = asdict(result.protocol)
    settings = protocol.pop("settings")
    network = {"backbone": result.subject.backbone, "width": result.subject.width}
    return protocol | {f"settings.{name}": value for name, value in settings.items()} | network


def conditions(table: PaperTable, result: Result) -> dict[str, Any]:
    """`everything` but what the table varies on purpose."""
    return {name: value for name, value in everything(result).items() if name not in table.varies}


def refuse_mixed(table: PaperTable, members: Sequence[Found]) -> None:
    """Raise `UsageError`, naming field and files, unless a column's results were measured under equal conditions."""
    first = members[0]
    wanted = conditions(table, first.result)
    for other in members[1:]:
        had = conditions(table, other.result)
        for name in dict.fromkeys([*wanted, *had]):
            if wanted.get(name) != had.get(name):
                raise UsageError(
                    f"Table {table.number}: {first.path} and {other.path} do not compare: {name} is "
                    f"{short(wanted.get(name))} and {short(had.get(name))}; give --results of one of them"
                )


def one_a_run(members: Sequence[Found]) -> tuple[Found, ...]:
    """A cell's results, a copy of the same one left out.

    Raises:
        UsageError: they are of networks that were trained differently.
    """
    kept: dict[tuple[int | None, float], Found] = {}
    for each in members:
        for other in kept.values():
            refuse_other_training(each, other)
        kept.setdefault((each.result.subject.seed, each.result.score.value), each)
    return tuple(kept.values())


def refuse_other_training(one: Found, other: Found) -> None:
    """Raise `UsageError` unless two subjects are the same but for their seed."""
    names = ("recipe", "epoch", "recipe_hash") if one.result.subject.seed == other.result.subject.seed else ()
    for name in names or ("recipe", "epoch"):
        had = [getattr(each.result.subject, name) for each in (one, other)]
        if had[0] != had[1]:
            raise UsageError(
                f"{one.path} and {other.path} are of one row, but trained differently: {name} is {short(had[0])} and "
                f"{short(had[1])}; give --results of one of them"
            )


def short(value: object) -> str:
    """A value for a message; of a fingerprint, enough to tell it from another."""
    return f"'{value[:8]}...'" if isinstance(value, str) and len(value) == 64 else repr(value)
