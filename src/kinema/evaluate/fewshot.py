"""Few-shot classification of frozen features: the accuracy of each episode.

Letters: E episodes, N classes of an episode, K support videos and Q queries of a class, D length of a feature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.episodes import Episode
from kinema.evaluate.features import Features
from kinema.evaluate.nearest import distances
from kinema.evaluate.settings import Head, Metric

STEPS = 1000
"""Steps that the logistic head may take; it needs a few dozen."""


def episode_accuracies(
    support: Features,
    query: Features,
    episodes: Sequence[Episode],
    *,
    head: Head = "centroid",
    metric: Metric = "cosine",
    center: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """float64 [E] in [0, 1]: the share of an episode's queries whose class is found.

    Args:
        support: features that rows of the episodes' support count into.
        query: the same for their queries; may be the same features.
        episodes: as `kinema.evaluate.episodes.draw_episodes` gives them.
        head: `centroid` takes the class whose support has the nearest mean; with `metric` cosine, features are of unit
            length before the mean is taken. `logistic` fits a logistic regression to the support.
        metric: of the centroids; the logistic head is always shown features of unit length.
        center: subtract from support and queries each set's own mean first, over all of its videos.
        progress: called with (episodes done, episodes in all).

    Raises:
        UsageError: the features are of different encoders, or scikit-learn is missing for the logistic head.
    """
    if query.vectors.shape[1] != support.vectors.shape[1]:
        lengths = f"{query.vectors.shape[1]} and {support.vectors.shape[1]}"
        raise UsageError(f"features of queries and support have lengths {lengths}: extract both with one encoder")
    unit = head == "logistic" or metric == "cosine"
    known, asked = (_prepared(part.vectors, center=center, unit=unit) for part in (support, query))
    found = []
    for done, episode in enumerate(episodes, 1):
        examples, questions = known[episode.support], asked[episode.query].flatten(0, 1)  # [N, K, D], [N * Q, D]
        if head == "logistic":
            guesses = logistic_guesses(examples, questions)
        else:
            guesses = distances(questions, examples.mean(1), metric).argmin(1)
        right = torch.arange(len(examples)).repeat_interleave(episode.query.shape[1])
        found.append((guesses == right).double().mean())
        if progress:
            progress(done, len(episodes))
    return torch.stack(found)


def logistic_guesses(examples: Tensor, questions: Tensor) -> Tensor:
    """int64 [M]: the classes of M questions [M, D] by a logistic regression fitted to examples [N, K, D].

    scikit-learn's, multinomial, with its own penalty C = 1, as in Tian et al. (ECCV 2020).

    Raises:
        UsageError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise UsageError("the logistic head is scikit-learn's: pip install 'kinema[plots]'") from None
    labels = torch.arange(len(examples)).repeat_interleave(examples.shape[1])
    model = LogisticRegression(C=1.0, max_iter=STEPS).fit(examples.flatten(0, 1).numpy(), labels.numpy())
    return torch.from_numpy(model.predict(questions.numpy()))


def _prepared(vectors: Tensor, *, center: bool, unit: bool) -> Tensor:
    """float64 [V, D]."""
    vectors = vectors.double().cpu()
    centred = vectors - vectors.mean(0) if center else vectors
    return F.normalize(centred, dim=1) if unit else centred
