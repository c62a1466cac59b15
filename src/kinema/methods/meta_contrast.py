"""What MCN lays over a contrastive method: pair classification, and learning from a query what a support step gives.

Lin, Guo, Lu, "Self-Supervised Video Representation Learning with Meta-Contrastive Network", ICCV 2021, sections 3.2
and 3.3. The paper calls it orthogonal to other contrastive methods (section 4.3): here any method that contrasts two
views of a video is a `MetaContrast`, with both parts off unless it is MCN.

Letters: B videos, F length of a backbone feature, D of a projected one, G groups of four videos, P pairs.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from kinema import distributed, heads, losses, meta, sampler, settings
from kinema.batch import Batch, Enqueue, Outcome, Step, Write, beside
from kinema.methods.base import Method, statistics_writes
from kinema.methods.two_views import Embedded
from kinema.queue import Queue, check_queue


class Contrasted(NamedTuple):
    """What a contrast found in a batch."""

    loss: Tensor
    terms: dict[str, Tensor]
    """Detached scalars for the log."""
    writes: tuple[Write | Enqueue, ...]
    features: Embedded
    """The two views that were contrasted, whose pairs can be classified."""


class MetaContrast(Method):
    """A method that contrasts two views, `contrast(batch, step) -> Contrasted`, under Eq. 5 in one stage or in two.

    A subclass sets itself up, then calls `classify_pairs`.
    """

    config: settings.MetaContrast

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.MetaContrast)
        self.config = recipe.method
        self.num_videos = num_videos
        if self.config.meta.order > 0:
            self.split = sampler.Split(self.config.meta.support_fraction, self.config.meta.resplit)

    @abstractmethod
    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """The contrast of a batch at the weights the method finds itself with; writes to no buffer."""

    def classify_pairs(self, feature_dim: int, dim: int) -> None:
        """Make the head of Eq. 4 for backbone features of length F or projected ones of length D, if it is wanted."""
        if self.config.alpha == 0:
            return
        heads.check_groups(self.recipe.train.batch_size)
        pairs = self.config.pairs
        self.pair_score = heads.PairScore(pairs.head, dim if pairs.feature == "projected" else feature_dim)

    @property
    def kept_a_step(self) -> int:
        """Videos of a step whose features a memory gets: those of one stage or of both."""
        both = self.config.meta.order > 0 and self.config.meta.bank_update == "both"
        return self.recipe.train.batch_size * (2 if both else 1)

    def queue_of(self, size: int, dim: int, *, rows: int = 1, fields: Mapping[str, int] | None = None) -> Queue:
        """A queue that takes `rows` features of a video, with these fields beside, if the videos are enough for it.

        Raises:
            UsageError: naming the numbers and what to change.
        """
        batch_size = self.recipe.train.batch_size
        sampler.check_batch_size(self.num_videos, batch_size, self.split)
        steps = len(sampler.epoch_batches(self.num_videos, batch_size, seed=0, epoch=0, split=self.split))
        check_queue(size, self.kept_a_step, steps * self.kept_a_step, rows=rows)
        return Queue(size, dim, seed=self.recipe.train.seed, fields=fields)

    def loss(self, batch: Batch, step: Step) -> Outcome:
        """Section 3.3: adapt on the support half, and judge the adapted weights on the query half."""
        config = self.config.meta
        if config.order == 0:
            return super().loss(batch, step)
        support, query = batch.halves()
        theta, statistics = dict(self.named_parameters()), meta.running_statistics(self)

        inner, adapted, moved = self.adapted(theta, statistics, support, step.at_stage("support"))  # theta-bar
        if config.batch_norm == "both":
            statistics = moved
        outer, statistics = meta.call_at(self, theta | adapted, statistics, query, step.at_stage("query"))

        total = outer.total  # L_q(theta-bar)
        if config.support_loss_weight:
            total = total + config.support_loss_weight * inner.total
        terms = outer.terms | {f"support_{name}": value for name, value in inner.terms.items()}
        return Outcome(total, terms, self.kept_writes(inner, outer) + statistics_writes(statistics))

    def adapted(
        self, theta: Mapping[str, Tensor], statistics: meta.State, support: Batch, step: Step
    ) -> tuple[Outcome, meta.State, meta.State]:
        """The inner step: L_s at theta, the parameters of theta-bar that differ from theta's, and moved statistics."""
        config = self.config.meta
        reduce: meta.Reduce = distributed.averaged if support.ranks > 1 else list

        def at(parameters: Mapping[str, Tensor]) -> tuple[Outcome, meta.State]:
            return meta.call_at(self, parameters, statistics, support, step)

        inner, moved = at(theta)  # L_s(theta)
        lr = step.lr if config.inner_lr is None else config.inner_lr
        decay = config.inner_weight_decay
        if config.order == 2 and config.form == "hvp":
            total, changed = meta.adapt_anew(
                inner.total,
                lambda parameters: at(parameters)[0].total,
                theta,
                lr,
                adapts=self.adapts,
                weight_decay=decay,
                unchanged=self.buffers(),
                reduce=reduce,
            )
        elif config.order == 1 and config.support_loss_weight:
            total, changed = meta.adapt_once(
                inner.total, theta, lr, adapts=self.adapts, weight_decay=decay, reduce=reduce
            )
        else:
            some = {name: value for name, value in theta.items() if self.adapts(name)}
            order: Literal[1, 2] = 1 if config.order == 1 else 2
            changed = meta.adapt(inner.total, some, lr, order=order, weight_decay=decay, reduce=reduce)
            total = inner.total if config.support_loss_weight else inner.total.detach()
        return replace(inner, total=total), changed, moved

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """Eq. 5 on one batch: alpha * pair classification + (1 - alpha) * contrast."""
        contrast, terms, writes, features = self.contrast(batch, step)  # Eq. 2-3
        alpha = self.config.alpha
        if alpha == 0:
            return Outcome(contrast, terms, writes)
        binary, binary_terms = self.same_video(features)  # Eq. 4
        return Outcome(alpha * binary + (1 - alpha) * contrast, terms | binary_terms, writes)

    def same_video(self, features: Embedded) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 4 on pairs of features within groups of four videos (the feature combination module)."""
        config = self.config.pairs
        a, b = features[2:] if config.feature == "projected" else features[:2]  # [B, D] each
        groups = len(a) // heads.GROUP if config.groups == "all" else 1
        views = [view[: groups * heads.GROUP].view(groups, heads.GROUP, -1) for view in (a, b)]
        group = torch.cat(views, dim=1)  # [G, 8, D]
        left, right, same = heads.group_pairs(config.grid, symmetric=config.symmetric)
        positives, left, right = (beside(each, group) for each in (same.nonzero()[:, 0], left, right))
        logits = self.pair_score(group[:, left].flatten(0, 1), group[:, right].flatten(0, 1)).float()  # [G * P]
        target = beside(same, logits).repeat(groups)
        loss = losses.pair_classification(
            logits, target, groups=groups, reduction=config.reduction, weight=config.positive_weight
        )
        right_side = ((logits.detach() > 0) == target).float()
        recall = right_side.view(groups, -1)[:, positives].mean()
        return loss, {"binary": loss.detach(), "binary_acc": right_side.mean(), "binary_recall": recall}

    def adapts(self, name: str) -> bool:
        """Whether the inner step changes this parameter."""
        return self.config.meta.inner_parameters == "all" or not name.startswith("backbone.")

    def negative_pool(self, step: Step) -> Tensor | None:
        """The videos whose bank rows may be negatives in this stage; `None` for all."""
        if self.split is None or self.config.meta.negatives == "all":
            return None
        halves = sampler.support_query(self.num_videos, self.split, seed=step.seed, epoch=step.epoch)
        return halves[step.stage == "query"]

    def kept_writes(self, inner: Outcome, outer: Outcome) -> tuple[Write | Enqueue, ...]:
        """The writes of the stages that refresh the memory."""
        keep = self.config.meta.bank_update
        chosen: tuple[Write | Enqueue, ...] = ()
        if keep != "query":
            chosen += inner.writes
        if keep != "support":
            chosen += outer.writes
        return chosen

    def chance(self) -> dict[str, float]:
        """For the binary loss, the prior of positive pairs."""
        pairs = self.config.pairs
        if self.config.alpha == 0 or pairs.positive_weight != 1:
            return {}
        _, _, same = heads.group_pairs(pairs.grid, symmetric=pairs.symmetric)
        prior, count = float(same.float().mean()), len(same) if pairs.reduction == "sum" else 1
        return {"binary": -count * (prior * math.log(prior) + (1 - prior) * math.log(1 - prior))}
