"""Features of videos, extracted once for a network and shared by every evaluation of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from kinema.data.flow_folder import FlowFolder
from kinema.data.loader import EvalClips, eval_loader
from kinema.data.store import find
from kinema.data.video import Video
from kinema.evaluate.features import Features, extract
from kinema.evaluate.settings import Evaluation
from kinema.loading import VideoEncoder
from kinema.precision import mixed

BATCH = 4
"""Videos decoded at a time, each with all its clips."""


class FeatureStore:
    """Features in a folder: a file for each (weights, clip, view, clips, crops, precision), a row for each video seen.

    A video that was changed since counts as another one, and so does one whose flow was.
    """

    def __init__(self, folder: Path, *, device: torch.device, workers: int, flow: FlowFolder | None = None) -> None:
        self.folder = folder
        self.flow = flow
        self.device = device
        self.workers = workers

    def features(
        self,
        encoder: VideoEncoder,
        videos: Sequence[Video],
        classes: Sequence[str],
        evaluation: Evaluation,
        progress: Callable[[int, int], None] | None = None,
    ) -> Features:
        """The features of `videos`, in their order; reads only those that the store does not hold yet."""
        path = self.folder / f"{network_key(encoder, evaluation)}.npz"
        known = dict(zip(*_rows(Features.load(path)), strict=True)) if path.exists() else {}
        names = [self.identity(video) for video in videos]
        missing = {name: video for name, video in zip(names, videos, strict=True) if name not in known}
        if missing:
            clips = EvalClips(
                list(missing.values()),
                encoder.clip,
                clips=evaluation.clips,
                crops=evaluation.crops,
                flow=self.flow,
            )
            found = extract(
                encoder.to(self.device),
                eval_loader(clips, batch_size=BATCH, workers=self.workers),
                device=self.device,
                num_videos=len(missing),
                classes=(),
                paths=tuple(missing),
                autocast=mixed(evaluation.precision, self.device, "--evaluation.precision"),
                progress=progress,
            )
            known |= dict(zip(*_rows(found), strict=True))
            rows = torch.stack(list(known.values()))
            Features(rows, torch.full((len(rows),), -1), tuple(known), ()).save(path)
        return Features(
            torch.stack([known[name] for name in names]),
            torch.tensor([video.label for video in videos]),
            tuple(video.path for video in videos),
            tuple(classes),
        )

    def identity(self, video: Video) -> str:
        """What tells a video from others, and from what it was; with its flow where that is read."""
        files = [Path(video.path)] if self.flow is None else [Path(video.path), self.flow.file(video)]
        return "|".join(identity(file) for file in files)


def _rows(features: Features) -> tuple[tuple[str, ...], tuple[Tensor, ...]]:
    return features.paths, features.vectors.unbind(0)


def identity(path: Path) -> str:
    """A file's path with its size and time of change; of a video in a store, how it was packed and what it was."""
    if not path.exists() and (packed := find(path)):
        store, row = packed
        return f"{path.absolute()}|{store.packing}|{store.videos['source_digest'][row].decode()}"
    status = path.stat()
    return f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"


def network_key(encoder: VideoEncoder, evaluation: Evaluation) -> str:
    """A digest of the weights and of all that decides what the network is shown."""
    digest = hashlib.sha256()
    for name, value in encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().numpy().tobytes())
    shown = [asdict(encoder.clip), encoder.view, encoder.normalise, encoder.last_residual]
    if encoder.residual != "absolute":  # the only form that there was when the first features were kept
        shown.append(encoder.residual)
    asked = [evaluation.clips, evaluation.crops]
    kind = [evaluation.precision] if evaluation.precision != "32-true" else []  # nor was there another precision
    digest.update(json.dumps([*shown, *asked, *kind]).encode())
    return digest.hexdigest()[:16]
