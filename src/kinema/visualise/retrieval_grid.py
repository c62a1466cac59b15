"""Queries with their nearest neighbours, wrong ones marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.retrieval import retrieve
from kinema.visualise.choice import RULE, class_name, spread_over_classes
from kinema.visualise.page import paragraph, text
from kinema.visualise.pictures import img, strip

ROWS = 8
NEIGHBOURS = 3
_FRAMES, _SIDE = 4, 88


@dataclass(frozen=True)
class Match:
    """A gallery video that was found."""

    path: str
    name: str
    """Its class."""
    right: bool
    """Whether that is the query's class."""
    cosine: float


def matches(query: Features, gallery: Features, rows: Sequence[int], *, count: int = NEIGHBOURS) -> list[list[Match]]:
    """The nearest gallery videos of some queries by cosine, nearest first: the list that R@k is counted from."""
    count = min(count, len(gallery))
    found = retrieve(query.rows(torch.tensor(rows)), gallery, ks=(count,))
    return [
        [
            Match(
                gallery.paths[match],
                class_name(gallery, match),
                bool(gallery.labels[match] == query.labels[row]),
                1 - float(distance),
            )
            for match, distance in zip(found.neighbours[place].tolist(), found.distances[place], strict=True)
        ]
        for place, row in enumerate(rows)
    ]


def retrieval_grid(
    query: Features,
    gallery: Features,
    random_query: Features | None,
    random_gallery: Features | None,
    frames_of: Callable[[str], Tensor],
) -> str:
    """HTML: a row a query, its nearest neighbours by this run and, where given, by random init.

    `frames_of` gives a clip, uint8 [T, S, S, 3], of the video at a path.

    Raises:
        UsageError: random init's features are of other videos.
    """
    rows = spread_over_classes(query.labels, ROWS)
    found = {"this run": matches(query, gallery, rows)}
    if random_query is not None and random_gallery is not None:
        if (random_query.paths, random_gallery.paths) != (query.paths, gallery.paths):
            raise UsageError("random init's features are of other videos than the run's: extract both from one list")
        found["random init"] = matches(random_query, random_gallery, rows)
    pictures = _Pictures(frames_of)
    items = "".join(
        _item(query, row, {who: each[place] for who, each in found.items()}, pictures) for place, row in enumerate(rows)
    )
    return _words(found) + f'<ol class="queries">\n{items}</ol>\n'


class _Pictures:
    """Strips of videos, each decoded once."""

    def __init__(self, frames_of: Callable[[str], Tensor]) -> None:
        self.frames_of = frames_of
        self.strips: dict[str, Tensor] = {}

    def __call__(self, path: str, alt: str) -> str:
        if path not in self.strips:
            self.strips[path] = strip(self.frames_of(path), count=_FRAMES, side=_SIDE)
        return img(self.strips[path], alt)


def _words(found: dict[str, list[list[Match]]]) -> str:
    counted = [
        f"{who}: {sum(row[0].right for row in each)} of {len(each)} nearest videos are of the query's class"
        for who, each in found.items()
    ]
    return paragraph(
        f"Each test video with the {NEIGHBOURS} train videos whose features are nearest to its own (cosine, not "
        f"centred), as strips of {_FRAMES} frames. <b>✓</b> same class as the query; <b>✗</b>, framed in red, another."
    ) + paragraph(f"{text(RULE)} Among these, {text('; '.join(counted))}.", "soft")


def _item(query: Features, row: int, found: dict[str, list[Match]], pictures: _Pictures) -> str:
    name = class_name(query, row)
    asked = (
        f"<figure>{pictures(query.paths[row], f'Query: {name}')}<figcaption><b>{text(name)}</b></figcaption></figure>"
    )
    groups = "".join(_group(who, each, pictures) for who, each in found.items())
    return f'<li>\n<div class="group query"><b>query</b>{asked}</div>\n{groups}</li>\n'


def _group(who: str, found: list[Match], pictures: _Pictures) -> str:
    shown = "".join(_match(each, pictures) for each in found)
    return f'<div class="group"><b>{text(who)}</b><div class="found">{shown}</div></div>\n'


def _match(match: Match, pictures: _Pictures) -> str:
    kind, sign = ("right", "✓") if match.right else ("wrong", "✗")
    alt = f"{kind.capitalize()} class: {match.name}"
    caption = f"<b>{sign} {text(match.name)}</b> {match.cosine:.3f}"
    return f'<figure class="match {kind}">{pictures(match.path, alt)}<figcaption>{caption}</figcaption></figure>'
