"""The numbers of an evaluation, as frozen dataclasses. Nothing here imports torch, so `--help` is instant.

Each default says where it comes from: the paper (Lin, Guo, Lu, ICCV 2021), another code base, or "ours".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.errors import UsageError
from kinema.ranges import at_least, between, positive, within

Metric = Literal["cosine", "l2"]
Candidates = Literal["test", "all"]
Head = Literal["centroid", "logistic"]


@dataclass(frozen=True)
class Evaluation:
    """How a video becomes one feature, and how two features are compared in retrieval."""

    clips: int = 10
    """Clips of a video, evenly spaced; their features are averaged (VCOP, IIC; the paper does not say)."""
    crops: Literal[1, 3] = 1
    """Crops of a clip: the centre, or three along the longer side (VCOP and IIC: the centre)."""
    ks: tuple[int, ...] = (1, 5, 10, 20, 50)
    """A query is found at k if any of its k nearest gallery videos has its class (paper, Tables 9-10)."""
    metric: Metric = "cosine"
    """Distance between features (VCOP, IIC; the paper does not say)."""
    center: bool = False
    """Subtract from queries and gallery each set's own mean first (CoCLR; VCOP and IIC do not)."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """What the network computes features in: float32, or bf16 autocast, which is quicker where a GPU or CPU has it.
    Results in bf16 say so, and are not compared with others."""

    def __post_init__(self) -> None:
        at_least("evaluation.clips", self.clips, 1)


@dataclass(frozen=True)
class KNN:
    """A weighted vote of the nearest training videos."""

    k: int = 20
    """Neighbours that vote; at most as many as there are (ours; instance discrimination uses 200 of 1.3 M images)."""
    temperature: float = 0.07
    """A neighbour's vote is exp(cosine / temperature) (Wu et al., CVPR 2018)."""

    def __post_init__(self) -> None:
        at_least("knn.k", self.k, 1)
        positive("knn.temperature", self.temperature)


@dataclass(frozen=True)
class FewShot:
    """Episodes of a few classes with a few labelled videos each; numbers as in Snell et al. (NeurIPS 2017)."""

    way: int = 5
    """Classes of an episode."""
    shots: tuple[int, ...] = (1, 5)
    """Labelled videos of a class; each number gives a figure of its own."""
    queries: int = 15
    """Videos of a class to be named."""
    episodes: int = 600
    """Episodes of each number of shots."""
    head: Head = "centroid"
    """The class with the nearest mean of its labelled videos, or a logistic regression on them."""
    support: Literal["train", "test"] = "train"
    """Where labelled videos are drawn from; queries are always test videos (ours)."""
    apart: Literal["group", "video"] = "group"
    """What an episode never has on both sides: a group (a person, a source film), where the videos have any, or only a
    video (ours)."""
    seed: int = 0
    """Draws the episodes, the same for every network."""

    def __post_init__(self) -> None:
        at_least("fewshot.way", self.way, 2)
        for shots in self.shots:
            at_least("fewshot.shots", shots, 1)
        if not self.shots or len(set(self.shots)) < len(self.shots):
            raise UsageError(f"--fewshot.shots is {self.shots}: give different whole numbers of at least 1")
        at_least("fewshot.queries", self.queries, 1)
        at_least("fewshot.episodes", self.episodes, 2)


@dataclass(frozen=True)
class Clustering:
    """How vectors are divided into clusters, without labels."""

    method: Literal["kmeans", "hdbscan"] = "kmeans"
    """k-means puts every vector into one of k clusters; HDBSCAN finds how many there are, and leaves out what lies in
    none."""
    k: int = 10
    """Clusters of k-means."""
    starts: int = 10
    """Beginnings of k-means, of which the best end is kept."""
    seed: int = 0
    """Draws the beginnings of k-means."""
    min_size: int = 5
    """Vectors that make a cluster of HDBSCAN."""

    def __post_init__(self) -> None:
        at_least("k", self.k, 2)
        at_least("starts", self.starts, 1)
        within("seed", 0, 2**32 - 1, self.seed)
        at_least("min-size", self.min_size, 2)


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier on frozen features; CoCLR's numbers, since the paper gives none."""

    normalise: bool = True
    """Divide each feature by its length before anything else (CoCLR)."""
    batch_norm: bool = True
    """Batch norm between feature and classifier (CoCLR)."""
    lrs: tuple[float, ...] = (0.1, 0.03, 0.01)
    """Learning rates to choose from on held-out train videos; the first is CoCLR's and wins a tie. With steps of 32
    videos a rate of 1 diverges."""
    weight_decays: tuple[float, ...] = (1e-3, 1e-4, 1e-2)
    """Weight decays to choose from on held-out train videos; the first is CoCLR's and wins a tie."""
    hold_out: float = 0.2
    """Share of the train videos that the choice is made on (ours); the classifier is then fitted on all of them."""
    epochs: int = 100
    """Passes over the train videos (CoCLR)."""
    milestones: tuple[float, ...] = (0.6, 0.8)
    """Fractions of training at which the learning rate falls to a tenth (CoCLR's epochs 60 and 80 of 100)."""
    momentum: float = 0.9
    """SGD's momentum (CoCLR)."""
    batch_size: int = 32
    """Videos in a step (CoCLR's end-to-end probe)."""

    def __post_init__(self) -> None:
        for lr in self.lrs:
            positive("linear.lrs", lr)
        for decay in self.weight_decays:
            within("linear.weight-decays", 0, 1000, decay)
        between("linear.hold-out", 0, 1, self.hold_out)
        at_least("linear.epochs", self.epochs, 1)
        within("linear.milestones", 0, 1, *self.milestones)
        within("linear.momentum", 0, 0.9999, self.momentum)
        at_least("linear.batch-size", self.batch_size, 2)


@dataclass(frozen=True)
class Finetune:
    """Training the whole network with labels."""

    lr: float = 0.02
    """Learning rate at the start (paper, section 4.1)."""
    momentum: float = 0.9
    """SGD's momentum (VCOP; the paper does not say)."""
    weight_decay: float = 5e-4
    """VCOP, IIC; the paper does not say."""
    epochs: int = 300
    """Passes over the train videos (paper, section 4.1)."""
    milestones: tuple[float, ...] = (0.6, 0.8)
    """Fractions of training at which the learning rate falls to a tenth (ours, CoCLR's shape; the paper is silent)."""
    batch_size: int = 72
    """Videos in a step (paper: 72 for R(2+1)D-18, 200 for R3D-18, over four GPUs)."""
    dropout: float = 0.5
    """Share of the pooled feature set to zero before the classifier (SlowFast; the paper is silent, CoCLR has 0.9)."""
    select: Literal["best", "last"] = "best"
    """`best` keeps the epoch with the highest accuracy on held-out train videos, of equals the lowest loss;
    `last` trains on every train video and keeps the last epoch. Neither sees a test video."""
    hold_out: float = 0.2
    """For `best`: share of the train videos held out (ours; VCOP holds out 800 of UCF101's 9,537)."""
    average: Literal["prob", "logits"] = "prob"
    """At test, a video's clips are averaged as probabilities (DualVar, CoCLR) or as logits (VCOP, IIC)."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """`auto` is bf16 autocast on a GPU that has it, and fp32 on a CPU; see `--train.precision`."""

    def __post_init__(self) -> None:
        positive("finetune.lr", self.lr)
        within("finetune.momentum", 0, 0.9999, self.momentum)
        within("finetune.weight-decay", 0, 1000, self.weight_decay)
        at_least("finetune.epochs", self.epochs, 1)
        within("finetune.milestones", 0, 1, *self.milestones)
        at_least("finetune.batch-size", self.batch_size, 1)
        within("finetune.dropout", 0, 0.99, self.dropout)
        between("finetune.hold-out", 0, 1, self.hold_out)
