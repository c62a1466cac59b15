"""VCP: video cloze procedure (Luo, Liu, Zhou, Zhou, Yang, Ye, Wang, AAAI 2020).

Of three clips of a video the middle one is left as it is, turned, cut into quadrants that change places, shuffled in
time, or replaced by one from elsewhere in the video; a small head on the three features side by side tells which.

UCF101 / HMDB51 by R(2+1)D: fine-tuned 66.3 / 32.2 (MCN, Table 7), retrieval R@1 19.9 / 6.7 (IIC's README; MCN's Table
10 has the 7.6 of R3D). These are nets of one block a stage (`r2plus1d_vcop`), not R(2+1)D-18.

No official code. An unofficial one always turns the grid of quadrants by half; here they change places at random, as in
the paper. A row that leaves no room for a remote clip has the other four answers; in videos too short for the row, the
clips lie nearer to one another. With an `augment.crop_aspect` other than 1 1, crops are squeezed to a square before
they are turned, as in `kinema.methods.rotnet`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kinema import heads, settings, views
from kinema.batch import Batch, Outcome, Step
from kinema.errors import UsageError
from kinema.methods.base import Method
from kinema.methods.clip_task import ClipTask, features_of
from kinema.sampler import rows
from kinema.sampler.rows import PERMUTED, TURNED


class ClozeTask(ClipTask):
    """What was done to the middle clip.

    Raises:
        UsageError: pictures of this size have no quadrants.
    """

    term = "cloze"
    answers = 5
    layouts: Tensor

    def __init__(self, config: settings.Cloze, feature_dim: int, size: int) -> None:
        super().__init__()
        if size % 2:
            raise UsageError(f"--clip.size {size} cannot be cut into quadrants: give an even number of pixels")
        self.draw = rows.ClozeClips(config)
        self.register_buffer("layouts", layouts(size), persistent=False)
        self.middle = config.clips // 2
        together = config.clips * feature_dim
        self.answer = (
            heads.mlp(together, config.hidden, self.answers)
            if config.head == "mlp"
            else nn.Linear(together, self.answers)
        )

    def choose(self, count: int, rng: torch.Generator) -> Tensor:
        """int64 [count, 2]: the layouts of a clip that would be turned, and of one whose quadrants would be moved.

        Both for every clip: which of the two is done, if either, is known where the targets are.
        """
        ranges = (1, views.ROTATIONS), (views.ROTATIONS, len(self.layouts))
        return torch.stack([torch.randint(*each, (count,), generator=rng) for each in ranges], dim=1)

    def change(self, clips: Tensor, target: Tensor, choice: Tensor) -> Tensor:
        """What is done to pixels of clips [B, N, 3, T, S, S]; what is done to time was done when they were drawn."""
        turned, moved = choice.unbind(1)
        layout = torch.where(target == TURNED, turned, torch.where(target == PERMUTED, moved, 0))
        pixels = clips[:, self.middle].flatten(3)  # [B, 3, T, S S]
        places = self.layouts[layout][:, None, None].expand_as(pixels)
        changed = clips.clone()
        changed[:, self.middle] = pixels.gather(3, places).view_as(clips[:, self.middle])
        return changed

    def forward(self, features: Tensor, rng: torch.Generator) -> Tensor:
        """The logits of the five answers, [B, N, F] -> [B, 5]."""
        logits: Tensor = self.answer(features.flatten(1))
        return logits


def layouts(size: int) -> Tensor:
    """int64 [27, S S]: where each pixel is taken from.

    As it is; turned by one, two and three right angles; its quadrants in the 23 other orders.
    """
    picture = torch.arange(size * size).view(size, size)
    turned = [picture.rot90(angles) for angles in range(views.ROTATIONS)]
    moved = [quadrants(picture, order) for order in rows.orders(4, symmetric=False)[1:]]
    return torch.stack([*turned, *moved]).flatten(1)


def quadrants(picture: Tensor, order: tuple[int, ...]) -> Tensor:
    """The picture [S, S] with its quadrants (0 1 above 2 3) in another order."""
    half = len(picture) // 2
    cells = [picture[top : top + half, left : left + half] for top in (0, half) for left in (0, half)]
    first, second, third, fourth = (cells[number] for number in order)
    return torch.cat([torch.cat([first, second], dim=1), torch.cat([third, fourth], dim=1)])


class VCP(Method):
    """Cross-entropy over what may have been done to the middle clip."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.VCP)
        self.cloze = ClozeTask(recipe.method.cloze, feature_dim, recipe.clip.size)
        self.draw = self.cloze.draw

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The cross-entropy of what each video's row has undergone."""
        rng = step.rng()
        clips = self.cloze.shown(batch, self.recipe, rng)  # [B, N, 3, T, S, S]
        features = batch.gathered(features_of(self.backbone, clips))  # [B, N, F]
        loss, terms = self.cloze.judge(features, batch.gathered(batch.target), rng)
        return Outcome(loss, terms)

    def chance(self) -> dict[str, float]:
        """ln 5."""
        return self.cloze.chance()
