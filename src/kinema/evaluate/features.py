"""One feature, or one row of logits, for every video of a list.

Letters: V videos, B videos in a batch, N clips of a video (time x space), T frames, H and W pixels, D feature length,
C classes.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from kinema.archive import NO_ARRAYS, check_parts
from kinema.atomic import write_bytes
from kinema.errors import DataError, UsageError

Progress = Callable[[int, int], None]
"""Called with (done, total) after each piece of work."""
ClipLoader = Iterable[tuple[Tensor, Tensor, Tensor]]
"""Yields clips uint8 [B, N, T, H, W, 3], already cropped, their videos' numbers int64 [B], and labels int64 [B]."""


@dataclass(frozen=True)
class Features:
    """A feature, a label and a path for each of V videos."""

    vectors: Tensor
    """float32 [V, D], as the backbone gives them: neither centred nor normalised."""
    labels: Tensor
    """int64 [V]; -1 where a video has no label."""
    paths: tuple[str, ...]
    """As in the list they were read from."""
    classes: tuple[str, ...]
    """Names; a label counts into them."""

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or not len(self.vectors) == len(self.labels) == len(self.paths):
            shapes = f"vectors {list(self.vectors.shape)}, {len(self.labels)} labels, {len(self.paths)} paths"
            raise UsageError(f"features do not fit together: {shapes}; give one of each for every video")
        broken = (~self.vectors.isfinite().all(1)).nonzero().flatten().tolist()
        if broken:
            raise DataError(f"{self.paths[broken[0]]}: feature is NaN or infinite ({len(broken)} such videos)")

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: Tensor) -> Features:
        """The features of some videos, in the order of `rows` (int64)."""
        paths = tuple(self.paths[int(row)] for row in rows)
        return Features(self.vectors[rows], self.labels[rows], paths, self.classes)

    def save(self, path: str | Path) -> None:
        """Write a NumPy .npz with arrays `vectors`, `labels`, `paths` and `classes`; no pickle, never half a file."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            vectors=self.vectors.float().cpu().numpy(),
            labels=self.labels.cpu().numpy(),
            paths=np.array(self.paths, dtype=np.str_),
            classes=np.array(self.classes, dtype=np.str_),
        )
        write_bytes(Path(path), buffer.getvalue())

    @staticmethod
    def load(path: str | Path) -> Features:
        """Read what `save` wrote; anything else is a `UsageError`."""
        try:
            with zipfile.ZipFile(path) as archive:
                check_parts(archive, Path(path))
            with warnings.catch_warnings(action="ignore"), np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ("vectors", "labels", "paths", "classes")}
            kinds = "".join(arrays[name].dtype.kind for name in arrays)
            if kinds != "fiUU" or [each.ndim for each in arrays.values()] != [2, 1, 1, 1]:
                raise ValueError("its arrays are of other kinds")
        except NO_ARRAYS as error:
            raise UsageError(f"{path}: no features can be read from it ({error}); extract them again") from error
        return Features(
            torch.from_numpy(arrays["vectors"]).float(),
            torch.from_numpy(arrays["labels"]).long(),
            tuple(arrays["paths"].tolist()),
            tuple(arrays["classes"].tolist()),
        )


def extract(
    encoder: nn.Module,
    loader: ClipLoader,
    *,
    device: torch.device | str,
    num_videos: int,
    classes: Sequence[str],
    paths: Sequence[str],
    autocast: bool = False,
    progress: Progress | None = None,
) -> Features:
    """Features of a list's videos: the mean over a video's N clips, in float32.

    `encoder` turns uint8 clips [M, T, H, W, 3] into features [M, D]; it is run in evaluation mode, without gradients,
    and with `autocast` in bf16.
    The loader may deliver videos in any order, but each of the numbers 0 .. num_videos - 1 exactly once.
    """
    if len(paths) != num_videos:
        raise UsageError(f"{len(paths)} paths for {num_videos} videos: give one path a video")
    device = torch.device(device)
    with evaluating(encoder), torch.autocast(device.type, torch.bfloat16, enabled=autocast):
        vectors, labels = _collect(encoder, loader, lambda x: x.mean(1), device, num_videos, progress)
    vectors, labels = vectors.clone(), labels.clone()  # so that a probe can be trained on them
    return Features(vectors, labels, tuple(paths), tuple(classes))


def extract_logits(
    model: nn.Module,
    loader: ClipLoader,
    *,
    average: Literal["prob", "logits"] = "prob",
    device: torch.device | str,
    num_videos: int,
) -> tuple[Tensor, Tensor]:
    """Scores float32 [V, C] and labels int64 [V] of a list's videos from a classifier of uint8 clips.

    With "prob", a video's score is the mean of its clips' softmax; with "logits", the mean of their logits.
    """

    def mean(logits: Tensor) -> Tensor:  # [B, N, C]
        return (logits.softmax(-1) if average == "prob" else logits).mean(1)

    with evaluating(model):
        scores, labels = _collect(model, loader, mean, torch.device(device), num_videos, None)
    scores, labels = scores.clone(), labels.clone()
    broken = (~scores.isfinite().all(1)).nonzero().flatten().tolist()
    if broken:
        raise DataError(
            f"video {broken[0]}: logits are NaN or infinite ({len(broken)} such videos); train with less lr"
        )
    return scores, labels


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode in `torch.inference_mode`; afterwards every module is in the mode it was in.

    Tensors made inside take no part in training unless they are cloned outside.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _collect(
    call: Callable[[Tensor], Tensor],
    loader: ClipLoader,
    reduce: Callable[[Tensor], Tensor],
    device: torch.device,
    num_videos: int,
    progress: Progress | None,
) -> tuple[Tensor, Tensor]:
    """`reduce` of every video's clip outputs, [V, .], and the labels, [V], both on the CPU, by video number."""
    rows: list[Tensor | None] = [None] * num_videos
    labels = torch.full((num_videos,), -1, dtype=torch.int64)
    done = 0
    for clips, video, label in loader:
        outputs = call(clips.flatten(0, 1).to(device, non_blocking=True)).float()
        means = reduce(outputs.reshape(*clips.shape[:2], -1)).cpu()
        for number, row in zip(video.tolist(), means, strict=True):
            if not 0 <= number < num_videos:
                raise DataError(f"the loader gave video {number} of a list of {num_videos}; it reads another list")
            if rows[number] is not None:
                raise DataError(f"the loader gave video {number} twice; every video must come exactly once")
            rows[number] = row
        labels[video] = label.to(torch.int64)
        done += len(video)
        if progress:
            progress(done, num_videos)
    missing = [number for number, row in enumerate(rows) if row is None]
    if missing:
        raise DataError(f"the loader left out {len(missing)} of {num_videos} videos, the first is {missing[0]}")
    return torch.stack([row for row in rows if row is not None]), labels
