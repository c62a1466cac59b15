"""`kinema retrieve --grid` as a function: what networks find nearest to a few test videos, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from kinema.against import contenders
from kinema.atomic import write_bytes
from kinema.batch import generator
from kinema.errors import UsageError
from kinema.reporting import middle_clip
from kinema.task import Task
from kinema.visualise.retrieval_figure import retrieval_png
from kinema.visualise.retrieval_grid import matches

QUERIES = 6
NEIGHBOURS = 5


def neighbours(task: Task, file: str | Path, against: Sequence[str | Path] = (), *, seed: int = 0) -> Path:
    """Write a PNG of `QUERIES` test videos and the `NEIGHBOURS` train videos nearest to each; returns its path.

    The queries are drawn at random, whatever any network finds, and the picture says so. Of each video its middle
    frame is shown.

    Args:
        task: the run and the videos; of several folds the first is shown. Neighbours are those that R@k is counted
            from, by cosine and not centred.
        file: where to; its name ends in .png. An earlier file is replaced.
        against: folders of other runs, shown above the run; random init if there are none.
        seed: of the choice of queries.

    Raises:
        UsageError: the file is no PNG or cannot be written, or the runs do not compare.
    """
    file = Path(file)
    if file.suffix.lower() != ".png":
        raise UsageError(f"--grid {file}: the picture is a PNG; give a name that ends in .png")
    shown = contenders(task, against, baseline=not against)
    fold, clip = task.folds[0], task.run.recipe.clip
    features = {each.name: each.task.features(each.weights, fold) for each in shown}
    gallery, query = features[shown[-1].name]
    rows = torch.randperm(len(query), generator=generator("retrieval grid", seed))[:QUERIES].tolist()
    found = {name: matches(test, train, rows, count=NEIGHBOURS) for name, (train, test) in features.items()}
    read = middle_clip(clip)

    def picture_of(path: str) -> Tensor:
        return read(path)[clip.frames // 2]

    title = (
        f"{len(rows)} of {len(query)} test videos of {task.data}, drawn at random (seed {seed}), "
        f"with the nearest of {len(gallery)} train videos"
    )
    write_bytes(file, retrieval_png(query, rows, found, picture_of, title=title))
    return file
