import numpy as np
import pytest
import torch

from kinema.errors import DataError, UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.knn import knn_accuracy


def votes(vectors, train, k, temperature, own_row=None):
    """Independent reference: shares of the votes for one vector, in NumPy."""
    g = train.vectors.double().numpy()
    cosine = g @ vectors / np.linalg.norm(g, axis=1) / np.linalg.norm(vectors)
    if own_row is not None:
        cosine[own_row] = -np.inf
    scores = np.zeros(len(train.classes))
    for row in np.argsort(-cosine, kind="stable")[:k]:
        scores[int(train.labels[row])] += np.exp(cosine[row] / temperature)
    return scores / scores.sum()


def test_votes_and_accuracies_equal_a_plain_numpy_vote(make_features):
    train, test = make_features(20, classes=8, spread=3.0, seed=1), make_features(6, classes=8, spread=3.0, seed=2)
    result = knn_accuracy(train, test, k=15, temperature=0.07)
    expected = np.array([votes(v, train, 15, 0.07) for v in test.vectors.double().numpy()])
    assert np.allclose(result.scores.numpy(), expected, atol=1e-5)
    top1 = np.mean(expected.argmax(1) == test.labels.numpy())
    top5 = np.mean([label in np.argsort(-row)[:5] for row, label in zip(expected, test.labels.numpy(), strict=True)])
    assert (result.top1, result.top5) == pytest.approx((100 * top1, 100 * top5))
    assert result.top1 < result.top5 < 100


def test_leaving_one_out_never_lets_a_video_vote_for_itself(make_features):
    train = make_features(10, spread=3.0, seed=1)
    result = knn_accuracy(train, k=7, block=3)
    expected = np.array([votes(v, train, 7, 0.07, own_row=i) for i, v in enumerate(train.vectors.double().numpy())])
    assert np.allclose(result.scores.numpy(), expected, atol=1e-5)
    assert knn_accuracy(train, train, k=1).top1 == 100.0 > knn_accuracy(train, k=1).top1


def test_more_neighbours_than_there_are_means_all_of_them(make_features):
    train = make_features(3)
    assert knn_accuracy(train, k=20).k == 11
    assert knn_accuracy(train, make_features(1, seed=5), k=20).k == 12


def test_random_features_are_at_chance():
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(1000) % 10
    train = Features(torch.randn(1000, 8, generator=rng), labels, tuple(map(str, range(1000))), tuple("abcdefghij"))
    assert knn_accuracy(train).top1 == pytest.approx(10, abs=4)


def test_one_class_or_other_classes_are_refused(make_features):
    full = make_features(5)
    with pytest.raises(DataError, match="two or more"):
        knn_accuracy(full.rows((full.labels == 1).nonzero()[:, 0]))
    with pytest.raises(UsageError, match="class names"):
        knn_accuracy(full, make_features(5, classes=3))
