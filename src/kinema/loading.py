"""From a run's folder to an encoder that can be used: `kinema.load`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import backbones
from kinema.data.loader import EvalClips
from kinema.data.video import Video
from kinema.encoder import Encoder
from kinema.engine import checkpoint
from kinema.errors import UsageError
from kinema.meta import State, dotted
from kinema.run import Run
from kinema.settings import Recipe, from_dict

View = Literal["rgb", "residual", "both", "flow", "rgb+flow"]
FLOW_VIEWS = ("flow", "rgb+flow")
"""Views of clips that have vertical flow for a fourth channel."""


class VideoEncoder(Encoder):
    """An encoder that also opens video files."""

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
    """The trained encoder of a run's folder, or of one of its checkpoints, ready to use; `view` as in `view_of`.

    Raises:
        UsageError: there is no run or checkpoint there, or it is damaged, or it cannot be shown that view.
    """
    saved = opened(run)
    recipe = from_dict(Recipe, saved.recipe)
    backbone = backbones.build(recipe.backbone.name, recipe.backbone.width)
    checkpoint.load_state(backbone, part(saved.method, "backbone"), str(run))
    return encoder_of(backbone, recipe, view=view, residual_statistics=residual_statistics(saved.method)).eval()


def view_of(recipe: Recipe, view: View | None) -> View:
    """The view that a network of this recipe is shown: if not given RGB, or flow where it was trained on flow alone.

    Raises:
        UsageError: it was trained on flow alone, and is asked to look at anything else.
    """
    first = recipe.method.pixels.first
    if first == "flow" and view not in (None, "flow"):
        raise UsageError(
            f"{recipe.recipe} was trained on flow alone, and --view {view} would show it what it has never seen: give "
            "--view flow with --flow DIR, to a command that takes them"
        )
    return view or first


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


def random_init(recipe: Recipe, *, view: View | None = None, seed: int | None = None) -> VideoEncoder:
    """The recipe's encoder before any training: the row every result is held against."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.train.seed if seed is None else seed)
        backbone = backbones.build(recipe.backbone.name, recipe.backbone.width)
    return encoder_of(backbone, recipe, view=view).eval()


def encoder_of(
    backbone: nn.Module, recipe: Recipe, *, view: View | None = None, residual_statistics: State | None = None
) -> VideoEncoder:
    """The backbone with the recipe's clip and pixel conventions."""
    pixels = recipe.method.pixels
    return VideoEncoder(
        backbone,
        recipe.clip,
        view=view_of(recipe, view),
        normalise=pixels.normalise,
        last_residual=pixels.last_residual,
        residual=pixels.residual,
        residual_statistics=residual_statistics,
        second=pixels.second,
    )
