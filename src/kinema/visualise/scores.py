"""The result tables of the page, made from result files, and what the figures mean in a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kinema.evaluate import table
from kinema.evaluate.protocol import Protocol, Result, Setting
from kinema.visualise.page import paragraph, text

_VIEW = {
    "rgb": "",
    "residual": ", residual view",
    "both": ", both views",
    "flow": ", flow view",
    "rgb+flow": ", RGB and flow views",
}
_SHARE = "for this share of the {queries} test videos "
_MEANING = {
    "retrieval": _SHARE + "the nearest of {gallery} train videos is of the same class",
    "knn": _SHARE + "a vote of the nearest among {gallery} train videos names the class",
    "linear": _SHARE
    + "a linear classifier, fitted to the frozen features of {gallery} labelled train videos, names the "
    "class",
    "finetune": _SHARE + "the whole network, trained further on {gallery} labelled train videos, names the class",
    "fewshot": "from so many labelled videos of each of {way} classes, the class of this share of other test videos is "
    "named, mean over {episodes} episodes, of which the intervals speak, and not of other videos",
    "hard_positives": "how often a video of the same class in another look ranks above one of another class in the "
    "same look, mean over {queries} test videos",
    "motion_share": "how much of the last layer's squared activation lies on the tenth of the pixels that change most, "
    "mean over {queries} test videos",
}
_HEADING = {
    "retrieval": "Retrieval",
    "knn": "Nearest-neighbour vote",
    "linear": "Linear probe",
    "finetune": "Fine-tuning",
    "fewshot": "Few-shot classification",
    "hard_positives": "Hard-positive index",
    "motion_share": "Attention on motion",
}


def score_tables(results: Sequence[Result]) -> str:
    """HTML: a table for every protocol among the results, each with its sentence; random init first.

    Below it stand the paired differences that were measured by the same protocol.
    """
    apart = [result for result in results if "against" in result.protocol.settings]
    groups = by_protocol([result for result in results if "against" not in result.protocol.settings])
    return "".join(_block(group) + _paired(group[0].protocol, apart) for group in groups)


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


def _paired(protocol: Protocol, differences: Sequence[Result]) -> str:
    """The differences measured by a protocol, in a sentence each."""
    own = [each for each in differences if replace(each.protocol, settings=_shared(each)) == protocol]
    return "".join(
        paragraph(
            f"Paired difference of {text(table.row_name(each.subject))} from "
            f"{text(str(each.protocol.settings['against']))}: {text(table.cell(each, each.score.metric))} points."
        )
        for each in own
    )


def _shared(difference: Result) -> dict[str, Setting]:
    return {name: value for name, value in difference.protocol.settings.items() if name != "against"}


def _sentences(group: Sequence[Result]) -> list[str]:
    """One for each trained row."""
    random = next((each for each in group if each.subject.weights == "random init"), None)
    trained = [each for each in group if each is not random]
    return [_sentence(each, random) for each in trained or group]


def _sentence(result: Result, random: Result | None) -> str:
    score, protocol = result.score, result.protocol
    numbers = {"queries": f"{protocol.queries:,}", "gallery": f"{protocol.gallery:,}"}
    drawn = {name: protocol.settings.get(name) for name in ("way", "episodes")}
    meaning = _MEANING[protocol.task].format(**numbers, **drawn)
    said = f"<b>{text(table.row_name(result.subject))} {score.value:.1f} %</b> ({text(score.metric)}): {meaning}. "
    guess = _nothing_learned(protocol)
    if random is None:
        return f"{said}For comparison: {guess}; random init was not measured by this protocol."
    if random is result:
        return f"{said}This is random init; no trained network was measured by this protocol. {guess.capitalize()}."
    return f"{said}Random init reaches {random.score.value:.1f} %, {guess}. {_difference(result, random)}"


def _nothing_learned(protocol: Protocol) -> str:
    """What a network gets that knows nothing."""
    if protocol.task == "hard_positives":
        return "50 % is no preference, and less means that the look counts more than the class"
    if protocol.task == "motion_share":
        return "a map that is the same everywhere has 10 %"
    classes = int(str(protocol.settings["way"])) if protocol.task == "fewshot" else protocol.classes
    return f"blind guessing among {classes} equally frequent classes {100 / classes:.1f} %"


def _difference(result: Result, random: Result) -> str:
    one, two = result.score.interval, random.score.interval
    if one is None or two is None:
        return ""
    if one[0] > two[1]:
        return "The 95 % intervals do not overlap."
    if one[1] < two[0]:
        return "It is worse than random init, and the 95 % intervals do not overlap."
    drawn = "episodes" if result.protocol.task == "fewshot" else "test videos"
    return f"The 95 % intervals overlap: on so few {drawn} the difference may be chance."


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
