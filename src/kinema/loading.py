"""From a run's folder, or an exported one, to an encoder that can be used: `kinema.load`, `Encoder.from_pretrained`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import backbones
from kinema.data.loader import EvalClips
from kinema.data.video import Video
from kinema.encoder import Encoder
from kinema.engine import checkpoint
from kinema.errors import UsageError, nearest
from kinema.exported import folder, hub
from kinema.meta import State, dotted
from kinema.run import Run
from kinema.settings import Clip, Pixels, Recipe, from_dict
from kinema.trained import FLOW_VIEWS, Trained, View

__all__ = ["FLOW_VIEWS", "VideoEncoder", "View", "encoder_of", "load", "random_init", "trained", "view_of"]


class VideoEncoder(Encoder):
    """An encoder that also opens video files; `kinema.Encoder`."""

    @classmethod
    def from_pretrained(
        cls, source: str | Path, *, view: View | None = None, revision: str | None = None
    ) -> VideoEncoder:
        """The encoder of a folder that `kinema export` made, or of a run, or of a model on the Hugging Face Hub.

        Args:
            source: a folder, or OWNER/NAME on the Hub where there is no such folder; that needs `kinema[hub]`.
            view: as for `kinema.load`.
            revision: a branch, tag or commit on the Hub.

        Raises:
            UsageError: there is nothing, or something that is damaged or cannot be shown that view.
        """
        return load(hub.local(source, revision), view=view)

    @torch.inference_mode()
    def embed(self, path: str | Path, *, clips: int = 10) -> Tensor:
        """float32 [D] of unit length: the mean over evenly spaced clips of a video, the vector retrieval compares.

        Raises:
            UsageError: the view needs flow, which a video file does not have.
        """
        if self.view in FLOW_VIEWS:
            raise UsageError(
                f"{path}: a video file has no flow for the view {self.view}: load the run with another view"
            )
        frames, _, _ = EvalClips([Video(str(path))], self.clip, clips=clips)[0]
        was_training = self.training
        feature = self.eval()(frames.to(next(self.parameters()).device)).mean(dim=0)
        self.train(was_training)
        return F.normalize(feature, dim=0).cpu()


def load(run: str | Path, *, view: View | None = None) -> VideoEncoder:
    """The trained encoder of a run's folder, of one of its checkpoints, or of an exported folder, ready to use.

    `view` is as in `view_of`; what was exported has a view of its own, if none is given.

    Raises:
        UsageError: there is no run or checkpoint there, or it is damaged, or it cannot be shown that view.
    """
    found = trained(run)
    shown = allowed(found.name, found.pixels, view) or found.view
    return built(found.backbone(), found.clip, found.pixels, shown, found.statistics).eval()


def trained(source: str | Path) -> Trained:
    """The weights of a run's folder, of one of its checkpoints, or of an exported folder.

    Raises:
        UsageError: there are none, or they are damaged.
    """
    if folder.is_exported(Path(source)):
        return folder.read(Path(source))
    return of_checkpoint(opened(source), str(source))


def of_checkpoint(saved: checkpoint.Checkpoint, source: str) -> Trained:
    """The weights in a checkpoint that was read from `source`."""
    recipe = from_dict(Recipe, saved.recipe)
    return Trained(
        source=source,
        name=recipe.recipe,
        architecture=recipe.backbone.name,
        width=recipe.backbone.width,
        clip=recipe.clip,
        pixels=recipe.method.pixels,
        weights=part(saved.method, "backbone"),
        statistics=residual_statistics(saved.method),
        view=recipe.method.pixels.first,
    )


def view_of(recipe: Recipe, view: View | None) -> View:
    """The view that a network of this recipe is shown: if not given RGB, or flow where it was trained on flow alone.

    Raises:
        UsageError: it was trained on flow alone, and is asked to look at anything else.
    """
    pixels = recipe.method.pixels
    return allowed(recipe.recipe, pixels, view) or pixels.first


def allowed(name: str, pixels: Pixels, view: View | None) -> View | None:
    """The view that was asked for, if there is one of that name and a network that was trained so can be shown it."""
    if view is not None and view not in get_args(View):
        raise UsageError(f"there is no view '{view}': {nearest(str(view), list(get_args(View)))}")
    if pixels.first == "flow" and view not in (None, "flow"):
        raise UsageError(
            f"{name} was trained on flow alone, and --view {view} would show it what it has never seen: give "
            "--view flow with --flow DIR, to a command that takes them"
        )
    return view


def opened(source: str | Path) -> checkpoint.Checkpoint:
    """The checkpoint at a path, or the latest of the run that is there."""
    path = Path(source)
    return checkpoint.load(path if path.is_file() else Run(path).checkpoint)


def part(state: State, name: str) -> State:
    """The state of one part of a method."""
    mark = f"{name}."
    return {key.removeprefix(mark): value for key, value in state.items() if key.startswith(mark)}


def residual_statistics(method: State) -> State | None:
    """Batch norm's running statistics for the second view in a method's state, if it keeps them apart."""
    found = {dotted(name): value for name, value in part(method, "residual_statistics").items()}
    return found or None


def random_init(recipe: Recipe, *, view: View | None = None) -> VideoEncoder:
    """The recipe's encoder before any training: the row every result is held against."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.train.seed)
        backbone = backbones.build(recipe.backbone.name, recipe.backbone.width)
    return encoder_of(backbone, recipe, view=view).eval()


def encoder_of(backbone: nn.Module, recipe: Recipe, *, view: View | None = None) -> VideoEncoder:
    """The backbone with the recipe's clip and pixel conventions."""
    return built(backbone, recipe.clip, recipe.method.pixels, view_of(recipe, view), None)


def built(backbone: nn.Module, clip: Clip, pixels: Pixels, view: View, statistics: State | None) -> VideoEncoder:
    """The backbone with what it is shown."""
    return VideoEncoder(
        backbone,
        clip,
        view=view,
        normalise=pixels.normalise,
        last_residual=pixels.last_residual,
        residual=pixels.residual,
        residual_statistics=statistics,
        second=pixels.second,
    )
