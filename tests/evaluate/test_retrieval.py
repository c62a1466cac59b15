import numpy as np
import pytest
import torch

from kinema.errors import DataError, UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.retrieval import retrieve

KS = (1, 5, 10, 20, 50)


def ranked(query, gallery, metric, center):
    """Independent reference: every gallery row of each query, nearest first, by plain NumPy in float64."""
    q, g = query.vectors.double().numpy(), gallery.vectors.double().numpy()
    if center:
        q, g = q - q.mean(0), g - g.mean(0)
    order = []
    for row in q:
        if metric == "cosine":
            distance = 1 - (g * row).sum(1) / np.sqrt((g * g).sum(1) * (row * row).sum())
        else:
            distance = np.sqrt(((g - row) ** 2).sum(1))
        order.append(np.argsort(distance, kind="stable"))
    return np.array(order)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("center", [False, True])
def test_neighbours_and_recall_equal_a_plain_numpy_search(make_features, metric, center):
    query, gallery = make_features(9, spread=3.0, seed=1), make_features(20, spread=3.0, seed=2)
    found = retrieve(query, gallery, metric=metric, center=center)
    order = ranked(query, gallery, metric, center)
    assert np.array_equal(found.neighbours.numpy(), order[:, :50])
    for k in KS:
        right = [int(query.labels[i]) in gallery.labels.numpy()[order[i, :k]] for i in range(len(query))]
        assert found.recall[k] == pytest.approx(100 * np.mean(right), abs=1e-9)
    assert 25 < found.recall[1] < 95  # neither trivial nor chance, so that the comparison says something


@pytest.mark.parametrize("block", [1, 3, 7, 1024])
def test_block_size_changes_nothing(make_features, block):
    query, gallery = make_features(8, seed=1), make_features(30, seed=2)
    whole, blocked = retrieve(query, gallery), retrieve(query, gallery, block=block)
    assert torch.equal(whole.neighbours, blocked.neighbours)
    assert torch.equal(whole.distances, blocked.distances)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_equal_vectors_come_in_gallery_order_and_at_distance_zero(make_features, metric):
    one = make_features(1, classes=2, length=200, seed=3)
    gallery = one.rows(torch.tensor([0, 1] * 40))
    found = retrieve(one, gallery, ks=(40,), metric=metric, block=2)
    assert torch.equal(found.neighbours[0], torch.arange(0, 80, 2))
    assert torch.equal(found.neighbours[1], torch.arange(1, 80, 2))
    assert found.distances.abs().max() < 1e-7


def test_query_whose_class_is_missing_from_the_gallery_counts_as_a_miss(make_features):
    query, gallery = make_features(5, spread=0.1, seed=1), make_features(5, spread=0.1, seed=2)
    found = retrieve(query, gallery.rows((gallery.labels != 3).nonzero()[:, 0]), ks=(1,))
    assert len(found.hits) == len(query)
    assert found.recall[1] == 75.0


def test_k_beyond_the_gallery_looks_at_all_of_it_and_says_so(make_features):
    query, gallery = make_features(3, seed=1), make_features(2, seed=2)
    found = retrieve(query, gallery, ks=(1, 8, 10, 50))
    assert found.clipped == (10, 50)
    assert found.neighbours.shape == (12, 8)
    assert found.recall[10] == found.recall[50] == 100.0


def test_any_of_k_counts_a_query_once(make_features):
    query, gallery = make_features(10, spread=2.0, seed=1), make_features(30, spread=2.0, seed=2)
    found = retrieve(query, gallery)
    assert found.hits.dtype == torch.bool and found.hits.shape == (40, 5)
    assert (found.hits[:, 1:] >= found.hits[:, :-1]).all()


def test_features_without_information_are_at_chance():
    rng = torch.Generator().manual_seed(0)
    sets = [
        Features(torch.randn(n, 8, generator=rng), torch.arange(n) % 10, tuple(map(str, range(n))), tuple("abcdefghij"))
        for n in (2000, 500)
    ]
    assert retrieve(*sets, ks=(1,)).recall[1] == pytest.approx(10, abs=2.5)


def test_one_class_only_is_a_data_error(make_features):
    full = make_features(5)
    single = full.rows((full.labels == 2).nonzero()[:, 0])
    with pytest.raises(DataError, match="all 5 videos are of class 2"):
        retrieve(single, single)


def test_unlabelled_videos_are_a_data_error(make_features):
    full = make_features(2)
    unlabelled = Features(full.vectors, torch.full_like(full.labels, -1), full.paths, full.classes)
    with pytest.raises(DataError, match="8 of 8 videos have no label"):
        retrieve(full, unlabelled)
    with pytest.raises(DataError, match="8 of 16 videos have no label"):
        retrieve(unlabelled, full)


@pytest.mark.parametrize("ks", [(), (0, 1), (5, 5)])
def test_unusable_ks_are_a_usage_error(make_features, ks):
    with pytest.raises(UsageError, match="ks="):
        retrieve(make_features(2), make_features(2), ks=ks)


def test_other_classes_or_another_encoder_are_a_usage_error(make_features):
    with pytest.raises(UsageError, match="class names"):
        retrieve(make_features(2), make_features(2, classes=5))
    with pytest.raises(UsageError, match="lengths 16 and 8"):
        retrieve(make_features(2), make_features(2, length=8))


@pytest.mark.parametrize(
    ("metric", "published"),
    [("cosine", [90.14, 95.07, 96.81, 98.26, 100.0]), ("l2", [87.83, 93.62, 97.39, 99.42, 99.71])],
)
def test_vgg16_features_of_ucf101_give_their_known_recall(real_data, metric, published):
    arrays = np.load(real_data("ucf101_vgg16_features/vgg16_relu6_mean25.npz"), allow_pickle=False)
    features = Features(
        torch.from_numpy(arrays["features"]).float(),
        torch.from_numpy(arrays["label"]).long(),
        tuple(arrays["video"].tolist()),
        tuple(arrays["classes"].tolist()),
    )
    test = torch.from_numpy(arrays["official_split1"] == "test")
    query, gallery = features.rows(test.nonzero()[:, 0]), features.rows((~test).nonzero()[:, 0])
    assert (len(query), len(gallery)) == (345, 884)
    recall = retrieve(query, gallery, metric=metric).recall
    assert [round(recall[k], 2) for k in KS] == published
