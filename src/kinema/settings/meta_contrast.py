"""What MCN adds to a contrastive method, and MCN itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kinema.errors import UsageError
from kinema.ranges import between, positive, within
from kinema.settings.added import LATER
from kinema.settings.method import MethodSettings
from kinema.settings.two_views import Contrast, TwoViews


@dataclass(frozen=True)
class Pairs:
    """The binary classification of view pairs (FCM and Eq. 4); docs/reading_mcn.md has the reasoning."""

    head: Literal["mlp", "linear", "hadamard", "bilinear"] = "mlp"
    """What scores a pair: two layers (ours), or one linear layer (the paper, literally). The linear head's score is
    a sum of one term a feature, so it cannot tell same-video pairs from others: its loss never falls below 8.9974."""
    grid: Literal["cross_view", "all_unordered", "all_ordered", "balanced"] = "cross_view"
    """Pairs within a group of four videos: 4 x 4 RGB-residual pairs (4 positive), all 28 or 56 of the 8 features,
    or 4 positive and 4 mismatched."""
    symmetric: bool = False
    """Score each cross-view pair in both orders, [RGB; residual] and [residual; RGB]."""
    groups: Literal["all", "one"] = "all"
    """Cut the batch into groups of four, or use only its first four videos ("4 video clips in each batch")."""
    reduction: Literal["sum", "mean"] = "sum"
    """Sum the pairs of a group as Eq. 4 does, or average them; groups are averaged either way."""
    feature: Literal["projected", "backbone"] = "projected"
    """The vector that is paired: the one stored in the bank, or the pooled backbone feature."""
    positive_weight: float = 1.0
    """Weight of positive pairs; 3 balances the 4 : 12 of the cross-view grid."""

    def __post_init__(self) -> None:
        if self.symmetric and self.grid.startswith("all_"):
            raise UsageError(
                f"--method.pairs.symmetric adds the other order of cross-view pairs, of which the grid {self.grid} has "
                "its own: use all_ordered without it"
            )
        positive("method.pairs.positive-weight", self.positive_weight)


@dataclass(frozen=True)
class Meta:
    """The two-stage step: adapt on the support half, learn from the query half (section 3.3)."""

    order: Literal[0, 1, 2] = 1
    """0: no stages, the same loss on plain batches ("CL+BL", Table 5). 1: first-order MAML; the paper's batch sizes
    fit its GPUs only so. 2: exact MAML, differentiating through the inner step (the formula read strictly)."""
    form: Literal["graph", "hvp"] = "graph"
    """How order 2 is had, exactly either way. `graph` differentiates through the inner step, whose graph is kept
    meanwhile; `hvp` frees it and makes it anew for one Hessian-vector product: less memory, more time."""
    inner_lr: float | None = None
    """alpha_1, the inner step's learning rate; `None` follows the outer one ("same as the learning rate")."""
    inner_parameters: Literal["all", "head"] = "all"
    """What the inner step changes: everything, or all but the backbone (ANIL)."""
    inner_weight_decay: float = 0.0
    """Weight decay inside the inner step; the formula has none."""
    support_fraction: float = 0.5
    """Share of the videos in the support set D_s (ours: halves, since both stages read the same number)."""
    resplit: Literal["never", "epoch", "iteration"] = "never"
    """When videos are dealt anew to support and query: once at the start (the paper's "Initialize"), or each epoch or
    step. With `never` and order 1 the support half never has a direct gradient."""
    support_loss_weight: float = 0.0
    """Adds the support loss to the meta objective with this weight (MLDG); the paper has 0."""
    bank_update: Literal["both", "query", "support"] = "both"
    """Whose features refresh the bank. Always written after the meta update, so that no stage sees the other's."""
    negatives: Literal["all", "own_half"] = "all"
    """Draw negatives from the whole bank, or only from the half that the stage reads."""
    batch_norm: Literal["both", "query"] = "both"
    """Which stages move batch norm's running statistics; both use batch statistics."""
    reduce: Literal["global", "per_rank"] = field(default="global", metadata=LATER)
    """What many processes compute. `global`: one inner step on all of the support videos, as one process would take it.
    `per_rank`: each process adapts on its own part and judges that on its own query videos, a task a process, with
    batch statistics, pairs and negatives of its own; their losses are averaged."""

    def __post_init__(self) -> None:
        between("method.meta.support-fraction", 0, 1, self.support_fraction)
        if self.inner_lr is not None:
            within("method.meta.inner-lr", 0, 1000, self.inner_lr)
        within("method.meta.inner-weight-decay", 0, 1000, self.inner_weight_decay)
        within("method.meta.support-loss-weight", 0, 1000, self.support_loss_weight)
        if self.order > 0 and self.negatives == "own_half" and self.resplit == "iteration":
            raise UsageError(
                "--method.meta.negatives own_half needs halves that last, but --method.meta.resplit iteration deals "
                "them anew each step: use --method.meta.resplit epoch, or negatives all"
            )


@dataclass(frozen=True)
class MetaContrast(MethodSettings):
    """A method that contrasts two views of a video, over which MCN's two ideas can be laid; by default neither is."""

    alpha: float = 0.0
    """Eq. 5: alpha * pair classification + (1 - alpha) * contrast (MCN: 0.2; its Table 3 sweeps 0.1-0.4)."""
    pairs: Pairs = field(default_factory=Pairs)
    meta: Meta = field(default_factory=lambda: Meta(order=0))

    def __post_init__(self) -> None:
        within("method.alpha", 0, 1, self.alpha)
        if self.meta.negatives != "all" and not self.has_bank:
            raise UsageError(
                f"--method.meta.negatives {self.meta.negatives} is about rows of a memory bank, and {self.name} has "
                "none with these settings: leave it at all"
            )
        if self.meta.bank_update != "both" and not self.remembers:
            raise UsageError(
                f"--method.meta.bank-update {self.meta.bank_update} is about a memory, and {self.name} has none with "
                "these settings: leave it at both"
            )

    @property
    def has_bank(self) -> bool:
        """Whether negatives are drawn from a memory bank with a row for each video."""
        return False

    @property
    def remembers(self) -> bool:
        """Whether there is a memory, a bank or a queue, that each batch writes to."""
        return self.has_bank


@dataclass(frozen=True)
class MCN(MetaContrast, TwoViews):
    """The Meta-Contrastive Network."""

    name: Literal["mcn"] = "mcn"
    alpha: float = 0.2
    contrast: Contrast = field(default_factory=Contrast)
    meta: Meta = field(default_factory=Meta)

    @property
    def has_bank(self) -> bool:
        """Unless the contrast is within the batch."""
        return self.contrast.source == "bank"
