"""End-to-end fine-tuning: the pre-trained backbone as the start of a classifier, trained with labels.

Reading video and augmenting it come in as functions (`Inputs`), so nothing here depends on how a method was trained.

Letters: B videos in a batch, N clips of a video, T frames, H and W pixels, D feature length, C classes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema.batch import Batch, generator
from kinema.errors import DataError, NonFiniteLoss
from kinema.evaluate.features import ClipLoader, extract_logits
from kinema.evaluate.labels import check_labels
from kinema.evaluate.settings import Finetune
from kinema.evaluate.split import hold_out, keeps_groups
from kinema.evaluate.statistics import top_k_accuracy
from kinema.precision import mixed


class Batches(Protocol):
    """Batches of all epochs, one epoch after the other, each with the same number of steps: a `DataLoader`, say."""

    def __iter__(self) -> Iterator[Batch]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Inputs:
    """How fine-tuning gets its video. `rows` are int64 numbers into the train list."""

    train: Callable[[Tensor, int], Batches]
    """(rows, number of epochs) to their batches; `Batch.video` counts within `rows`, so it is below len(rows)."""
    held_out: Callable[[Tensor], ClipLoader]
    """rows to evaluation clips of these videos, as `extract_logits` wants them, numbered within `rows`."""
    augmented: Callable[[Batch], Tensor]
    """A training batch to network input, float [B * N, 3, T, size, size], N clips of a video in a row."""
    plain: Callable[[Tensor], Tensor]
    """Evaluation clips uint8 [M, T, H, W, 3] to network input, as `Encoder.to_input` does."""


class Classifier(nn.Module):
    """A backbone, dropout on its pooled feature, and a linear layer that starts from N(0, 0.01)."""

    def __init__(self, backbone: nn.Module, classes: int, dropout: float, rng: torch.Generator) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = dropout
        self.linear = nn.Linear(int(backbone.feature_dim), classes)  # type: ignore[arg-type]
        with torch.no_grad():
            self.linear.weight.copy_(torch.empty(self.linear.weight.shape).normal_(0, 0.01, generator=rng))
            self.linear.bias.zero_()

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """float [M, 3, T, H, W] to logits [M, C]; `rng` draws the dropout, and without it there is none."""
        feature = self.backbone(x)  # [M, D]
        if rng is not None and self.dropout > 0:
            keep = torch.rand(feature.shape, generator=rng).to(feature.device) >= self.dropout
            feature = feature * keep / (1 - self.dropout)
        logits: Tensor = self.linear(feature)
        return logits


class ClipClassifier(nn.Module):
    """A classifier together with how clips become its input: uint8 [M, T, H, W, 3] to logits float32 [M, C]."""

    def __init__(self, classifier: Classifier, to_input: Callable[[Tensor], Tensor], autocast: bool = False) -> None:
        super().__init__()
        self.classifier = classifier
        self.to_input = to_input
        self.autocast = autocast

    def forward(self, clips: Tensor) -> Tensor:
        """uint8 [M, T, H, W, 3] to logits float32 [M, C]."""
        x = self.to_input(clips)
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=self.autocast):
            logits: Tensor = self.classifier(x)
        return logits.float()


@dataclass(frozen=True)
class Epoch:
    """What one pass over the train videos gave."""

    number: int
    """From 0."""
    lr: float
    loss: float
    """Cross entropy in nats, the mean over the epoch's clips."""
    accuracy: float
    """Percent of the augmented training clips, as they were met."""
    held_out: float | None
    """Percent of the held-out train videos; `None` where none are held out."""
    held_out_loss: float | None
    """Cross entropy of the held-out train videos' mean softmax, in nats."""

    def better_than(self, other: Epoch) -> bool:
        """Whether to keep this epoch rather than an earlier one: higher accuracy, then lower loss, held out.

        Without held-out videos the later epoch is kept.
        """
        if self.held_out is None or self.held_out_loss is None:
            return True
        return (self.held_out, -self.held_out_loss) > (other.held_out or 0.0, -(other.held_out_loss or 0.0))


@dataclass(frozen=True)
class Finetuned:
    """A fine-tuned classifier and how it came about."""

    model: ClipClassifier
    """In evaluation mode; `extract_logits(model, loader)` tests it."""
    epochs: tuple[Epoch, ...]
    chosen: int
    """The number of the epoch whose weights were kept."""
    held_out: int
    """Train videos that were held out to choose the epoch."""
    whole_groups: bool
    """No group lay on both sides of the hold-out."""


def finetune(
    backbone: nn.Module,
    labels: Tensor,
    classes: int,
    inputs: Inputs,
    settings: Finetune,
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Finetuned:
    """Train a copy of the backbone and a linear classifier on train videos with labels int64 [V].

    SGD with momentum; the rate falls to a tenth at each milestone.
    `groups` names each train video's group ("" for none); whole groups are held out. `progress` counts steps.
    """
    check_labels(labels, classes, "fine-tuning train videos")
    device = torch.device(device)
    rows, held_out = _rows(labels, groups, settings, seed)
    classifier = Classifier(
        copy.deepcopy(backbone), classes, settings.dropout, generator("finetune", "classifier", seed)
    ).to(device)
    autocast = mixed(settings.precision, device, "--finetune.precision")
    model = ClipClassifier(classifier, inputs.plain, autocast)
    optimiser = torch.optim.SGD(
        classifier.parameters(), settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    batches = inputs.train(rows, settings.epochs)
    steps = len(batches) // settings.epochs
    if not steps:
        raise DataError(f"no training batch of {len(rows)} videos: use a batch size of at most {len(rows)}")
    stream = enumerate(batches)

    def on_step(done: int) -> None:
        if progress:
            progress(done, steps * settings.epochs)

    history: list[Epoch] = []
    kept: dict[str, Tensor] = {}
    chosen = 0
    for number in range(settings.epochs):
        lr = _set_rate(optimiser, settings, number)
        loss, accuracy = _train(model, inputs, islice(stream, steps), rows, labels, optimiser, seed, on_step)
        epoch = Epoch(number, lr, loss, accuracy, *_score(model, inputs, held_out, labels, device))
        if not history or epoch.better_than(history[chosen]):
            chosen = number
            kept = copy.deepcopy(classifier.state_dict()) if len(held_out) else {}
        history.append(epoch)
        if on_epoch:
            on_epoch(epoch)
    if kept:
        classifier.load_state_dict(kept)
    return Finetuned(model.eval(), tuple(history), chosen, len(held_out), keeps_groups(groups, rows, held_out))


def _rows(labels: Tensor, groups: Sequence[str] | None, settings: Finetune, seed: int) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows to choose the epoch on; none of the latter for `select="last"`."""
    if settings.select == "last":
        return torch.arange(len(labels)), torch.empty(0, dtype=torch.int64)
    return hold_out(labels, groups, settings.hold_out, generator("finetune", "hold out", seed))


def _set_rate(optimiser: torch.optim.Optimizer, settings: Finetune, epoch: int) -> float:
    """Give the optimiser the epoch's learning rate, and return it."""
    lr = settings.lr * 0.1 ** sum(epoch >= round(m * settings.epochs) for m in settings.milestones)
    for group in optimiser.param_groups:
        group["lr"] = lr
    return lr


def _train(
    model: ClipClassifier,
    inputs: Inputs,
    batches: Iterable[tuple[int, Batch]],
    rows: Tensor,
    labels: Tensor,
    optimiser: torch.optim.Optimizer,
    seed: int,
    on_step: Callable[[int], None],
) -> tuple[float, float]:
    """One pass over the numbered batches of an epoch; mean loss and accuracy in percent over their clips."""
    model.train()
    device = model.classifier.linear.weight.device
    labels = labels[rows].to(device)
    loss_sum, hits, clips = 0.0, 0, 0
    for step, batch in batches:
        batch = batch.to(device)
        target = labels[batch.video].repeat_interleave(batch.clips.shape[1])  # [B * N]
        x = inputs.augmented(batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=model.autocast):
            logits = model.classifier(x, generator("finetune", "dropout", seed, step))
        loss = F.cross_entropy(logits.float(), target)
        value = float(loss.detach())
        if not math.isfinite(value):
            videos = rows[batch.video.cpu()].tolist()
            raise NonFiniteLoss(f"fine-tuning loss is {value} at step {step}, videos {videos}; lower lr")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss_sum += value * len(target)
        hits += int((logits.argmax(1) == target).sum())
        clips += len(target)
        on_step(step + 1)
    return loss_sum / clips, 100 * hits / clips


def _score(
    model: ClipClassifier, inputs: Inputs, held_out: Tensor, labels: Tensor, device: torch.device
) -> tuple[float, float] | tuple[None, None]:
    """Accuracy in percent and cross entropy of the held-out train videos, by the mean softmax of their clips."""
    if not len(held_out):
        return None, None
    scores, _ = extract_logits(model, inputs.held_out(held_out), device=device, num_videos=len(held_out))
    target = labels[held_out]
    return top_k_accuracy(scores, target), float(F.nll_loss(scores.clamp(min=1e-12).log(), target))
