"""The result tables of the page, made from result files, and what the figures mean in a sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from kinema.evaluate import table
from kinema.evaluate.protocol import Result
from kinema.visualise.page import paragraph, text

_VIEW = {"rgb": "", "residual": ", residual view", "both": ", both views"}
_MEANING = {
    "retrieval": "the nearest of {gallery} train videos is of the same class",
    "knn": "a vote of the nearest among {gallery} train videos names the class",
    "linear": "a linear classifier, fitted to the frozen features of {gallery} labelled train videos, names the class",
    "finetune": "the whole network, trained further on {gallery} labelled train videos, names the class",
}
_HEADING = {
    "retrieval": "Retrieval",
    "knn": "Nearest-neighbour vote",
    "linear": "Linear probe",
    "finetune": "Fine-tuning",
}


def score_tables(results: Sequence[Result]) -> str:
    """HTML: a table for every protocol among the results, each with its sentence; random init first."""
    return "".join(_block(group) for group in by_protocol(results))


def by_protocol(results: Sequence[Result]) -> list[list[Result]]:
    """Results that may stand in one table, in the order of first appearance."""
    groups: list[list[Result]] = []
    for result in results:
        for group in groups:
            first = group[0]
            if first.protocol == result.protocol and list(first.score.values) == list(result.score.values):
                group.append(result)
                break
        else:
            groups.append([result])
    return groups


def _block(group: Sequence[Result]) -> str:
    protocol = group[0].protocol
    shown = table.comparison(group)
    heading = f"<h3>{_HEADING[protocol.task]} on {text(protocol.data)}{_VIEW[protocol.view]}</h3>\n"
    return heading + "".join(paragraph(each) for each in _sentences(group)) + _table(shown)


def _sentences(group: Sequence[Result]) -> list[str]:
    """One for each trained row."""
    random = next((each for each in group if each.subject.weights == "random init"), None)
    trained = [each for each in group if each is not random]
    return [_sentence(each, random) for each in trained or group]


def _sentence(result: Result, random: Result | None) -> str:
    score, protocol = result.score, result.protocol
    meaning = _MEANING[protocol.task].format(gallery=f"{protocol.gallery:,}")
    said = f"<b>{text(table.row_name(result.subject))} {score.value:.1f} %</b> ({text(score.metric)}): "
    said += f"for this share of the {protocol.queries:,} test videos {meaning}. "
    guess = f"blind guessing among {protocol.classes} equally frequent classes {100 / protocol.classes:.1f} %"
    if random is None:
        return f"{said}For comparison: {guess}; random init was not measured by this protocol."
    if random is result:
        return f"{said}This is random init; no trained network was measured by this protocol. {guess.capitalize()}."
    return f"{said}Random init reaches {random.score.value:.1f} %, {guess}. {_difference(result, random)}"


def _difference(result: Result, random: Result) -> str:
    one, two = result.score.interval, random.score.interval
    if one is None or two is None:
        return ""
    if one[0] > two[1]:
        return "The 95 % intervals do not overlap."
    if one[1] < two[0]:
        return "It is worse than random init, and the 95 % intervals do not overlap."
    return "The 95 % intervals overlap: on so few test videos the difference may be chance."


def _table(shown: table.Table) -> str:
    head = "".join(f'<th scope="col">{text(name) or _hidden("network")}</th>' for name in shown.header)
    rows = "".join(
        f'<tr><th scope="row">{text(row[0])}</th>{"".join(f"<td>{_cell(each)}</td>" for each in row[1:])}</tr>\n'
        for row in shown.rows
    )
    about = text(shown.title)
    return (
        f'{paragraph(about, "small soft")}<div class="wide" tabindex="0" role="region" aria-label="{about}"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )


def _cell(content: str) -> str:
    """A figure, its interval on a line of its own so that the table stays narrow."""
    value, bracket, interval = content.partition(" [")
    return f"{text(value)}<small>[{text(interval)}</small>" if bracket else text(value)


def _hidden(name: str) -> str:
    return f'<span class="hidden">{text(name)}</span>'
