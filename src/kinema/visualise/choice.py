"""Which videos are shown: by a rule that looks at labels and the order of the list, never at a result."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from kinema.evaluate.features import Features
from kinema.visualise.pictures import spread

RULE = (
    "Chosen by a rule that sees no result: classes evenly spaced over the class list, and of each class videos evenly "
    "spaced over the list, beginning a little later for each class."
)
"""`spread_over_classes` in words, for the page."""


def spread_over_classes(labels: Tensor, count: int, *, among: Sequence[int] | None = None) -> list[int]:
    """At most `count` rows of labels int64 [V], class by class.

    With at least `count` classes, one video of each of `count` classes evenly spaced over those that occur; with
    fewer, every class, and `count` shared out evenly. The videos of a class are evenly spaced over its rows, and the
    p-th of P classes begins p/P of a space later: lists often have the same scene or person first in every class.
    Videos without label (-1) count as one class. `among` restricts the choice to some rows.
    """
    rows: dict[int, list[int]] = {}
    for row in range(len(labels)) if among is None else among:
        rows.setdefault(int(labels[row]), []).append(row)
    classes = sorted(rows)
    kept = [classes[place] for place in spread(count, len(classes))]
    shares = [count // len(kept) + (place < count % len(kept)) for place in range(len(kept))] if kept else []
    chosen = []
    for place, (label, share) in enumerate(zip(kept, shares, strict=True)):
        own = rows[label]
        taken = min(share, len(own))
        chosen += [own[(i * len(kept) + place) * len(own) // (taken * len(kept))] for i in range(taken)]
    return chosen


def class_name(videos: Features, row: int) -> str:
    """The name of a video's class; its file's name where it has none."""
    label = int(videos.labels[row])
    return videos.classes[label] if label >= 0 else videos.paths[row].replace("\\", "/").rsplit("/", 1)[-1]
