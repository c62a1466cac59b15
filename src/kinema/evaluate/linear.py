"""Linear probe: how well do classes separate linearly in frozen features?

Letters: V videos, B videos in a step, D feature length, C classes, G candidates (learning rate, weight decay).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema.batch import generator
from kinema.errors import DataError, NonFiniteLoss, UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.labels import check_labels
from kinema.evaluate.settings import LinearProbe
from kinema.evaluate.split import hold_out, keeps_groups
from kinema.evaluate.statistics import percent, top_k_hits


@dataclass(frozen=True)
class Candidate:
    """Hyper-parameters of a probe."""

    lr: float
    weight_decay: float


@dataclass(frozen=True)
class Choice:
    """What was chosen on held-out train videos."""

    candidate: Candidate
    accuracies: dict[Candidate, float]
    """Percent of the held-out videos, for each candidate; 0 for one that diverged."""
    held_out: int
    """Videos the choice was made on."""
    whole_groups: bool
    """No group lay on both sides of the hold-out."""


@dataclass(frozen=True)
class LinearResult:
    """Test accuracies in percent and how the probe was chosen."""

    top1: float
    top5: float
    hits: Tensor
    """bool [V]: top-1."""
    logits: Tensor
    """float32 [V, C]."""
    choice: Choice


class Probes(nn.Module):
    """G probes side by side on the same inputs: [B, D] to [G, B, C].

    Batch norm's statistics depend on the inputs alone, so all probes share them; scale, shift and classifier are each
    probe's own. Weights start from N(0, 0.01), equal for all probes, biases from 0 (CoCLR).
    """

    def __init__(
        self, length: int, classes: int, candidates: int, rng: torch.Generator, *, normalise: bool, batch_norm: bool
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.statistics = nn.BatchNorm1d(length, affine=False) if batch_norm else None
        if batch_norm:
            self.scale = nn.Parameter(torch.ones(candidates, 1, length))
            self.shift = nn.Parameter(torch.zeros(candidates, 1, length))
        weight = torch.empty(length, classes).normal_(0, 0.01, generator=rng)
        self.weight = nn.Parameter(weight.repeat(candidates, 1, 1))
        self.bias = nn.Parameter(torch.zeros(candidates, 1, classes))

    def forward(self, vectors: Tensor) -> Tensor:
        """[B, D] to [G, B, C]."""
        x = F.normalize(vectors, dim=1) if self.normalise else vectors
        if self.statistics is not None:
            x = self.statistics(x) * self.scale + self.shift
        return x @ self.weight + self.bias


def linear_probe(
    train: Features,
    test: Features,
    settings: LinearProbe,
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> LinearResult:
    """Choose lr and weight decay on held-out train videos, fit on all train videos, then look at the test videos once.

    `groups` names each train video's group ("" for none); whole groups are held out. `progress` counts epochs.
    """
    if train.classes != test.classes:
        raise UsageError("train and test videos have different class names: take both lists from one data set")
    check_labels(torch.cat([train.labels, test.labels]), len(train.classes), "linear probe videos")
    total = 2 * settings.epochs
    choice = choose(train, settings, groups=groups, seed=seed, progress=progress and (lambda d, _: progress(d, total)))
    probe = fit(
        train.vectors,
        train.labels,
        len(train.classes),
        [choice.candidate],
        settings,
        rng=generator("linear probe", "fit", seed),
        progress=progress and (lambda d, _: progress(settings.epochs + d, total)),
    )
    logits = _logits(probe, test.vectors)[0]
    if not logits.isfinite().all():
        raise NonFiniteLoss(f"the linear probe diverged at the chosen lr={choice.candidate.lr}; leave it out")
    hits, hits5 = top_k_hits(logits, test.labels, 1), top_k_hits(logits, test.labels, 5)
    return LinearResult(percent(hits), percent(hits5), hits, logits, choice)


def choose(
    train: Features,
    settings: LinearProbe,
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """The candidate with the highest accuracy on held-out train videos; ties go to the lower loss, then the earlier."""
    check_labels(train.labels, len(train.classes), "linear probe train videos")
    candidates = [Candidate(*pair) for pair in itertools.product(settings.lrs, settings.weight_decays)]
    if not candidates:
        raise UsageError("no candidates for the linear probe: give at least one learning rate and one weight decay")
    rows, held_out = hold_out(train.labels, groups, settings.hold_out, generator("linear probe", "hold out", seed))
    labels = train.labels[held_out]
    probes = fit(
        train.vectors[rows],
        train.labels[rows],
        len(train.classes),
        candidates,
        settings,
        rng=generator("linear probe", "choose", seed),
        progress=progress,
    )
    logits = _logits(probes, train.vectors[held_out])  # [G, V, C]
    finite = {c: x for c, x in zip(candidates, logits, strict=True) if x.isfinite().all()}
    if not finite:
        raise NonFiniteLoss(f"the linear probe diverged at every learning rate of {settings.lrs}; add lower ones")
    accuracies = dict.fromkeys(candidates, 0.0) | {c: percent(top_k_hits(x, labels, 1)) for c, x in finite.items()}
    losses = {c: float(F.cross_entropy(x, labels)) for c, x in finite.items()}
    best = min(finite, key=lambda c: (-accuracies[c], losses[c]))
    return Choice(best, accuracies, len(held_out), keeps_groups(groups, rows, held_out))


def fit(
    vectors: Tensor,
    labels: Tensor,
    classes: int,
    candidates: Sequence[Candidate],
    settings: LinearProbe,
    *,
    rng: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> Probes:
    """Train one probe a candidate on features [V, D] with cross entropy and SGD; every probe sees the same batches.

    An epoch is cut into steps of at most `settings.batch_size` videos that differ by one in size: no video is
    dropped, and batch norm never meets a single one.
    """
    if len(labels) < 2:
        raise DataError(f"a linear probe cannot be fitted on {len(labels)} video: give more train videos")
    normalise, batch_norm = settings.normalise, settings.batch_norm
    probes = Probes(vectors.shape[1], classes, len(candidates), rng, normalise=normalise, batch_norm=batch_norm).to(
        vectors.device
    )
    momenta = [torch.zeros_like(p) for p in probes.parameters()]
    lr = torch.tensor([c.lr for c in candidates], device=vectors.device).view(-1, 1, 1)
    decay = torch.tensor([c.weight_decay for c in candidates], device=vectors.device).view(-1, 1, 1)
    steps = -(-len(labels) // settings.batch_size)
    for epoch in range(settings.epochs):
        falls = sum(epoch >= round(m * settings.epochs) for m in settings.milestones)
        order = torch.randperm(len(labels), generator=rng).to(vectors.device)
        for rows in torch.tensor_split(order, steps):
            logits = probes(vectors[rows])  # [G, B, C]
            targets = labels[rows].repeat(len(candidates))
            # The sum over candidates keeps their gradients apart; each is that candidate's own mean loss.
            loss = F.cross_entropy(logits.flatten(0, 1), targets, reduction="sum") / len(rows)
            _sgd_step(probes, loss, momenta, lr * 0.1**falls, decay, settings.momentum)
        if progress:
            progress(epoch + 1, settings.epochs)
    return probes


def _sgd_step(probes: Probes, loss: Tensor, momenta: list[Tensor], lr: Tensor, decay: Tensor, momentum: float) -> None:
    """SGD with momentum as `torch.optim.SGD` has it, with a learning rate and weight decay for each candidate."""
    parameters = list(probes.parameters())
    gradients = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for parameter, gradient, velocity in zip(parameters, gradients, momenta, strict=True):
            velocity.mul_(momentum).add_(gradient + decay * parameter)
            parameter.sub_(lr * velocity)


@torch.no_grad()
def _logits(probes: Probes, vectors: Tensor) -> Tensor:
    """float32 [G, V, C] in evaluation mode."""
    out: Tensor = probes.eval()(vectors)
    return out
