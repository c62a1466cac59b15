"""What a run begins with: the weights of runs before it, and which videos were cut from one source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinema import methods, settings
from kinema.data.video import Video
from kinema.engine import checkpoint
from kinema.errors import UsageError
from kinema.loading import opened, part
from kinema.meta import slashed
from kinema.methods.base import Method
from kinema.methods.coclr import CoCLR
from kinema.momentum import MomentumCopy
from kinema.run import check_same_flow
from kinema.settings import Recipe, from_dict


def begun(recipe: Recipe, videos: Sequence[Video], init_from: str | Path | None) -> Method:
    """The recipe's method for these videos, on a fresh backbone or on that of another run or checkpoint.

    CoCLR goes on with the projection too, where the other run is of CoCLR. Copies that follow the network begin at it.

    Raises:
        UsageError: the other run's weights do not fit.
    """
    if init_from is None:
        method = methods.build(recipe, len(videos))
    else:
        saved = opened(init_from)
        method = methods.build(recipe, len(videos), lambda backbone: take_over(backbone, recipe, saved, str(init_from)))
        if isinstance(method, CoCLR) and saved.recipe["method"]["name"] == recipe.method.name:
            checkpoint.load_state(method.projection, part(saved.method, "projection"), str(init_from))
            method.key_projection = MomentumCopy(method.projection)
    method.relate(sources_of(videos))
    return method


def take_over(backbone: torch.nn.Module, recipe: Recipe, saved: checkpoint.Checkpoint, source: str) -> None:
    """Load the weights of another run's backbone.

    Raises:
        UsageError: they do not fit; says what would take them, where that is another backbone.
    """
    try:
        checkpoint.load_state(backbone, part(saved.method, "backbone"), source)
    except UsageError:
        theirs = from_dict(settings.Backbone, saved.recipe["backbone"])
        if theirs == recipe.backbone:
            raise
        there, here = (f"{each.name} x {each.width:g}" for each in (theirs, recipe.backbone))
        raise UsageError(
            f"{source} does not fit this network: it is a {there}, where this run has a {here}: give --backbone.name "
            f"{theirs.name} --backbone.width {theirs.width:g}"
        ) from None


def bring_oracle(method: Method, flow: dict[str, Any] | None) -> None:
    """Give CoCLR the network of the other stream that it was told of, which its checkpoints then hold.

    `flow` is how the flow was made that this run reads.

    Raises:
        UsageError: it is no such network, of another size, or was trained on flow that was made otherwise.
    """
    if not isinstance(method, CoCLR) or method.config.oracle is None:
        return
    recipe, config, source = method.recipe, method.config, method.config.oracle
    try:
        saved = opened(source)
    except UsageError as problem:
        raise UsageError(f"--method.oracle: {problem}") from problem
    other = from_dict(Recipe, saved.recipe)
    wanted = f"give --method.oracle a run of coclr on the {config.other_stream} stream"
    if not isinstance(other.method, settings.CoCLR):
        raise UsageError(f"{source} is a run of {other.method.name} and cannot say which videos are alike: {wanted}")
    if other.method.stream == config.stream:
        raise UsageError(f"{source} was trained on {other.method.stream}, as this run is to be: {wanted}")
    networks = [
        f"{backbone.name} x {backbone.width:g} with projection {method.projection} to {method.dim}"
        for backbone, method in ((recipe.backbone, config), (other.backbone, other.method))
    ]
    if networks[0] != networks[1]:
        raise UsageError(f"{source} is a {networks[1]}, where this run has a {networks[0]}: {wanted}, of the same make")
    check_same_flow(source, saved.data, flow, "CoCLR's two networks see the same flow")
    for name in ("backbone", "projection"):
        weights = {slashed(key): value for key, value in part(saved.method, name).items()}
        checkpoint.load_state(method.get_submodule(f"oracle_{name}"), weights, source)


def sources_of(videos: Sequence[Video]) -> Tensor:
    """int64 [V]: the number of the first video that was cut from the same source; its own where nothing is known."""
    first: dict[str, int] = {}
    return torch.tensor(
        [first.setdefault(video.group, n) if video.group else n for n, video in enumerate(videos)], dtype=torch.int64
    )
