"""MCN: the Meta-Contrastive Network (Lin, Guo, Lu, ICCV 2021).

RGB and residual clips of a video are contrasted through two memory banks (CMC), and a small head tells pairs of
features of one video from pairs of two. Both losses are learnt by MAML: the weights take a gradient step on a support
batch, and what is minimised is the loss of the stepped weights on a query batch.

UCF101 / HMDB51 top-1 after pre-training on UCF101 and fine-tuning, Table 1: S3D 82.9 / 53.8, R(2+1)D 84.8 / 54.5,
R3D-18 85.4 / 54.8. Table 5, R(2+1)D on UCF101: CL 77.3, CL+BL 79.2, full 84.8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from kinema import bank, heads, losses, meta, sampler, settings
from kinema.batch import Batch, Outcome, Step, Write
from kinema.methods import two_views
from kinema.methods.base import Method, statistics_writes


class MCN(Method):
    """Eq. 5 in two stages (`meta.order` 1 or 2), or in one (order 0, the paper's ablation "CL+BL")."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.MCN)
        self.config = recipe.method
        heads.check_groups(recipe.train.batch_size)
        self.num_videos = num_videos
        if self.config.meta.order > 0:
            self.split = sampler.Split(self.config.meta.support_fraction, self.config.meta.resplit)

        views, pairs = self.config.views, self.config.pairs
        self.draw = two_views.draw(recipe, views)
        self.residual_statistics = two_views.other_statistics(backbone, views)
        self.projection = two_views.Projections(views, feature_dim)
        dim = self.projection.dim
        self.pair_score = heads.PairScore(pairs.head, dim if pairs.feature == "projected" else feature_dim)
        self.banks = bank.contrast_of(num_videos, dim, self.config.contrast, seed=recipe.train.seed)

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

        def at(parameters: Mapping[str, Tensor]) -> tuple[Outcome, meta.State]:
            return meta.call_at(self, parameters, statistics, support, step)

        inner, moved = at(theta)  # L_s(theta)
        lr = step.lr if config.inner_lr is None else config.inner_lr
        decay, keep = config.inner_weight_decay, config.support_loss_weight > 0
        if config.order == 2 and config.form == "hvp":
            total, changed = meta.adapt_anew(
                inner.total,
                lambda parameters: at(parameters)[0].total,
                theta,
                lr,
                adapts=self.adapts,
                weight_decay=decay,
                unchanged=self.buffers(),
            )
        else:
            some = {name: value for name, value in theta.items() if self.adapts(name)}
            order: Literal[1, 2] = 1 if config.order == 1 else 2
            changed = meta.adapt(inner.total, some, lr, order=order, weight_decay=decay, keep_graph=keep)
            total = inner.total if keep else inner.total.detach()
        return replace(inner, total=total), changed, moved

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """Eq. 5 on one batch: alpha * pair classification + (1 - alpha) * contrast."""
        rgb, residual = two_views.clips(batch, self.recipe, self.config.views)  # [B, 3, T, S, S] each
        features = two_views.embed(
            self.backbone, self.projection, self.residual_statistics, rgb, residual, self.config.views
        )
        contrast, terms, writes = self.banks.contrast(
            features.z1, features.z2, batch.video, step.rng(), self.negative_pool(step)
        )  # Eq. 2-3
        binary, binary_terms = self.same_video(features)  # Eq. 4
        total = self.config.alpha * binary + (1 - self.config.alpha) * contrast  # Eq. 5
        return Outcome(total, terms | binary_terms, bank.prefixed("banks", writes))

    def same_video(self, features: two_views.Embedded) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 4 on pairs of features within groups of four videos (the feature combination module)."""
        config = self.config.pairs
        a, b = features[2:] if config.feature == "projected" else features[:2]  # [B, D] each
        groups = len(a) // heads.GROUP if config.groups == "all" else 1
        views = [view[: groups * heads.GROUP].view(groups, heads.GROUP, -1) for view in (a, b)]
        group = torch.cat(views, dim=1)  # [G, 8, D]
        left, right, same = heads.group_pairs(config.grid, symmetric=config.symmetric)
        logits = self.pair_score(group[:, left].flatten(0, 1), group[:, right].flatten(0, 1)).float()  # [G * P]
        target = same.to(logits.device).repeat(groups)
        loss = losses.pair_classification(
            logits, target, groups=groups, reduction=config.reduction, weight=config.positive_weight
        )
        right_side = ((logits.detach() > 0) == target).float()
        recall = right_side[target].mean()
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

    def kept_writes(self, inner: Outcome, outer: Outcome) -> tuple[Write, ...]:
        """The writes of the stages that refresh the bank."""
        keep = self.config.meta.bank_update
        chosen: tuple[Write, ...] = ()
        if keep != "query":
            chosen += inner.writes
        if keep != "support":
            chosen += outer.writes
        return chosen

    def chance(self) -> dict[str, float]:
        """ln(K + 1) a direction; for the binary loss, the prior of positive pairs."""
        chance = {"contrast": self.banks.chance(self.recipe.train.batch_size)}
        if self.config.pairs.positive_weight == 1:
            _, _, same = heads.group_pairs(self.config.pairs.grid, symmetric=self.config.pairs.symmetric)
            prior, pairs = float(same.float().mean()), len(same) if self.config.pairs.reduction == "sum" else 1
            chance["binary"] = -pairs * (prior * math.log(prior) + (1 - prior) * math.log(1 - prior))
        return chance
