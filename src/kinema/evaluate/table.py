"""Tables of results, as Markdown and for the terminal. They are made from result files and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from kinema.errors import UsageError
from kinema.evaluate.protocol import Protocol, Result, Subject, split_name
from kinema.settings import method_title

if TYPE_CHECKING:
    from rich.table import Table as RichTable

TASKS = {
    "retrieval": "retrieval",
    "knn": "kNN",
    "linear": "linear probe",
    "finetune": "fine-tuning",
    "fewshot": "few-shot classification",
    "hard_positives": "hard-positive index",
    "motion_share": "share of attention on motion",
}


@dataclass(frozen=True)
class Table:
    """Text in rows and columns; the first column is what was measured."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """A Markdown table without the title, numbers to the right, ending in a newline."""
        escaped = [[cell.replace("|", "\\|") for cell in row] for row in (self.header, *self.rows)]
        rule = ["---"] + ["---:"] * (len(self.header) - 1)
        return "".join(f"| {' | '.join(row)} |\n" for row in (escaped[0], rule, *escaped[1:]))

    def turned(self) -> Table:
        """The same with rows for columns, which suits few rows of many figures."""
        header, *rows = zip(self.header, *self.rows, strict=True)
        return Table(self.title, header, tuple(rows))

    def rich(self) -> RichTable:
        """The same for the terminal."""
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(title=Text(self.title))
        for number, name in enumerate(self.header):
            table.add_column(Text(name), justify="right" if number else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*(Text(cell) for cell in row))
        return table


def comparison(results: Sequence[Result]) -> Table:
    """Results of one protocol: a row a result, random init first, a column a figure, intervals in brackets."""
    check_same_protocol(results)
    ordered = _random_first(results)
    names = list(ordered[0].score.values)
    header = ("", "backbone", *names)
    rows = tuple(
        (row_name(result.subject), backbone_name(result.subject), *(cell(result, name) for name in names))
        for result in ordered
    )
    return Table(title(ordered[0].protocol), header, rows)


def overview(results: Sequence[Result]) -> Table:
    """The headline figures of several protocols: a row a method, a column a task on a data set.

    Each column holds one protocol only, and one result for each row and column; a gap shows as a dash.
    """
    ordered = _random_first(results)
    columns: dict[str, dict[str, Result]] = {}
    for result in ordered:
        view = f", {result.protocol.view}" if result.protocol.view != "rgb" else ""
        name = f"{result.protocol.data} {TASKS[result.protocol.task]} {result.score.metric}{view}"
        column = columns.setdefault(name, {})
        row = row_name(result.subject)
        if row in column:
            raise UsageError(f"two results for '{row}' in '{name}': give one of them")
        column[row] = result
        check_same_protocol(list(column.values()))
    names = list(dict.fromkeys(row_name(result.subject) for result in ordered))
    rows = tuple(
        (name, *(cell(c[name], c[name].score.metric) if name in c else "–" for c in columns.values())) for name in names
    )
    return Table("Headline figures", ("", *columns), rows)


def check_same_protocol(results: Sequence[Result]) -> None:
    """Raise `UsageError`, naming the field, unless all results were measured by the same protocol and figures."""
    if not results:
        raise UsageError("no results: a table needs at least one")
    first = results[0]
    for other in results[1:]:
        for field in fields(Protocol):
            one, two = getattr(first.protocol, field.name), getattr(other.protocol, field.name)
            if one != two:
                raise UsageError(
                    f"'{row_name(first.subject)}' and '{row_name(other.subject)}' do not compare: "
                    f"{field.name} is {one!r} and {two!r}; measure both the same way"
                )
        if list(first.score.values) != list(other.score.values):
            raise UsageError(
                f"'{row_name(first.subject)}' and '{row_name(other.subject)}' do not compare: figures are "
                f"{list(first.score.values)} and {list(other.score.values)}; measure both the same way"
            )


def row_name(subject: Subject) -> str:
    """Random init, or the method and the recipe it was trained by, or the file it was converted from."""
    if subject.weights == "random init":
        return "random init"
    if subject.source is not None:
        return f"{method_title(subject.method or 'converted')} ({subject.source.split(', SHA-256')[0]})"
    return f"{method_title(subject.method or 'pretrained')} ({subject.recipe})" if subject.recipe else "pretrained"


def backbone_name(subject: Subject) -> str:
    """Name, width where it is not 1, and parameters in millions."""
    width = f" x{subject.width:g}" if subject.width != 1 else ""
    return f"{subject.backbone}{width}, {subject.parameters / 1e6:.2f} M"


def title(protocol: Protocol) -> str:
    """One line that says how the figures were measured."""
    split = f" {split_name(protocol.split)}" if protocol.split else ""
    clip = f"{protocol.frames}x{protocol.stride} at {protocol.size} px"
    distance = f", {protocol.distance}" if protocol.distance else ""
    centred = ", centred" if protocol.centred else ""
    rounded = ", features in bf16" if "feature_precision" in protocol.settings else ""
    chosen = f", selection: {protocol.selection}" if protocol.selection != "none" else ""
    train = f", {protocol.gallery} train" if protocol.gallery else ""
    episodes = episodes_name(protocol)
    return (
        f"{TASKS[protocol.task]} on {protocol.data}{split}: {protocol.queries} test{train} videos, "
        f"{protocol.classes} classes; {clip}, {protocol.clips} clips x {protocol.crops} crops, "
        f"{protocol.view}{distance}{centred}{rounded}{chosen}{episodes}; "
        f"percent [95 % interval{' over episodes' if episodes else ''}]"
    )


def episodes_name(protocol: Protocol) -> str:
    """How few-shot episodes were drawn and judged; empty for other tasks."""
    if protocol.task != "fewshot":
        return ""
    head = {"centroid": "nearest centroid", "logistic": "logistic head"}[str(protocol.settings["head"])]
    how = protocol.settings
    return f", {head}, {how['episodes']} episodes of {how['queries']} queries a class, no {how['apart']} on both sides"


def cell(result: Result, name: str) -> str:
    """A figure with its interval, to a tenth of a percent."""
    value = f"{result.score.values[name]:.1f}"
    interval = result.score.intervals.get(name)
    return f"{value} [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else value


def _random_first(results: Sequence[Result]) -> list[Result]:
    return sorted(results, key=lambda result: result.subject.weights != "random init")
