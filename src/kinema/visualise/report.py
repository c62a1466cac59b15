"""`kinema report`: one HTML page that shows what a run learned, whole in one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from kinema.atomic import write_bytes
from kinema.encoder import Encoder
from kinema.evaluate.features import Features
from kinema.evaluate.protocol import Result
from kinema.settings import Clip, method_title
from kinema.visualise.attention_grid import attention_grid
from kinema.visualise.choice import RULE
from kinema.visualise.curves import Rows, curves
from kinema.visualise.embedding_map import embedding_map
from kinema.visualise.page import Section, facts, left_out, page, paragraph, text
from kinema.visualise.retrieval_grid import retrieval_grid
from kinema.visualise.scores import score_tables


@dataclass(frozen=True)
class RunInfo:
    """What was trained, for the head of the page."""

    name: str
    """Of the run: its folder's name."""
    method: str
    recipe: str
    backbone: str
    width: float
    parameters: int
    """Of the backbone."""
    clip: Clip
    data: str
    """The training set's name."""
    videos: int
    """Videos trained on."""
    epochs: int
    """Epochs done."""
    seed: int
    seconds: float | None = None
    """Spent in training."""
    date: str | None = None
    commit: str | None = None
    """kinema's."""
    device: str | None = None
    command: str | None = None


def write_report(
    path: str | Path,
    *,
    run_info: RunInfo,
    results: Sequence[Result] = (),
    metrics: Rows = (),
    query: Features | None = None,
    gallery: Features | None = None,
    random_query: Features | None = None,
    random_gallery: Features | None = None,
    encoder: Encoder | None = None,
    random_encoder: Encoder | None = None,
    frames_of: Callable[[str], Tensor] | None = None,
    chance: Mapping[str, float] | None = None,
) -> Path:
    """Write the page and return its path; a part without input is left out, and the page says why.

    Args:
        path: the file; its folder is made, an earlier file is replaced once the new one is whole.
        run_info: what was trained.
        results: the run's result files and random init's, in any order.
        metrics: the rows of `metrics.jsonl`.
        query: features of the test videos.
        gallery: features of the train videos.
        random_query: the same test videos before training.
        random_gallery: the same train videos before training.
        encoder: the trained encoder.
        random_encoder: the encoder before training.
        frames_of: a clip, uint8 [T, S, S, 3], cropped for the encoder, of the video at a path of the features.
        chance: the value of each loss term for features that know nothing, by the term's name ("contrast").

    Raises:
        UsageError: matplotlib or scikit-learn is not installed, or the file cannot be written.
        DataError: a video that is to be shown cannot be read.
    """
    sections = [
        Section("scores", "Scores", score_tables(results) if results else _no_scores()),
        Section("curves", "Training", curves(metrics, chance or {}) if metrics else _no_curves()),
        Section(
            "neighbours", "Nearest neighbours", _neighbours(query, gallery, random_query, random_gallery, frames_of)
        ),
        Section("attention", "Attention", _attention(query, gallery, encoder, random_encoder, frames_of)),
        Section("map", "Map of the embedding", _map(query, random_query)),
    ]
    content = page(f"{run_info.name}: {method_title(run_info.method)} on {run_info.data}", _lead(run_info), sections)
    write_bytes(Path(path), content.encode())
    return Path(path)


def _lead(run: RunInfo) -> str:
    clip = run.clip
    width = f" x {run.width:g}" if run.width != 1 else ""
    known = [
        ("Method", f"{method_title(run.method)}, recipe {run.recipe}"),
        ("Backbone", f"{run.backbone}{width}, {run.parameters / 1e6:.2f} M parameters"),
        ("Clip", f"{clip.frames} frames, stride {clip.stride}, {clip.size} x {clip.size} px"),
        ("Data", f"{run.data}, {run.videos:,} videos, labels not used in training"),
        ("Training", f"{run.epochs} epochs" + (f", {duration(run.seconds)}" if run.seconds is not None else "")),
        ("Seed", str(run.seed)),
    ]
    optional = [("Begun", run.date), ("Device", run.device), ("kinema's commit", run.commit), ("Command", run.command)]
    return facts(known + [(name, value) for name, value in optional if value])


def duration(seconds: float) -> str:
    """A time to two units: 48 s, 12 min 30 s, 3 h 5 min, 2 d 4 h."""
    whole = round(seconds)
    for unit, size, part, smaller in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {part}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.2f} s"


def _no_scores() -> str:
    return left_out(
        "Scores", "the run has no result file yet; `kinema retrieve`, `knn`, `linear` and `finetune` write them"
    )


def _no_curves() -> str:
    return left_out("Curves", "the run has no metrics.jsonl, or no epoch was finished")


def _neighbours(
    query: Features | None,
    gallery: Features | None,
    random_query: Features | None,
    random_gallery: Features | None,
    frames_of: Callable[[str], Tensor] | None,
) -> str:
    lack = _unlabelled(query, "test") or _unlabelled(gallery, "train") or _one_class(gallery)
    if frames_of is None:
        lack = lack or "the videos' frames are not at hand"
    if lack or query is None or gallery is None or frames_of is None:
        return left_out("Neighbours", lack)
    return retrieval_grid(query, gallery, random_query, random_gallery, frames_of)


def _attention(
    query: Features | None,
    gallery: Features | None,
    encoder: Encoder | None,
    random_encoder: Encoder | None,
    frames_of: Callable[[str], Tensor] | None,
) -> str:
    videos = query if query is not None and len(query) else gallery
    if videos is None or not len(videos):
        return left_out("Attention", "there are no videos to show it on")
    if encoder is None or frames_of is None:
        return left_out("Attention", "the trained network or the videos' frames are not at hand")
    return attention_grid(encoder, random_encoder, videos, frames_of) + paragraph(text(RULE), "soft")


def _map(query: Features | None, random_query: Features | None) -> str:
    lack = _unlabelled(query, "test")
    if lack or query is None:
        return left_out("The map", lack)
    return embedding_map(query, random_query)


def _unlabelled(features: Features | None, kind: str) -> str:
    """Why features are of no use to a section that needs classes; empty if they are."""
    if features is None or not len(features):
        return f"there are no {kind} videos"
    without = int((features.labels < 0).sum())
    if without:
        return f"{without} of {len(features)} {kind} videos have no label"
    return ""


def _one_class(features: Features | None) -> str:
    """Why every neighbour would be right; empty if not."""
    if features is not None and len(set(features.labels.tolist())) < 2:
        return "all train videos are of one class"
    return ""
