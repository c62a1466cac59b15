import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.evaluate.clusters import agreement, find_clusters
from kinema.evaluate.settings import Clustering

pytest.importorskip("sklearn")


def heaps(sizes, spread=0.05, length=8, seed=0):
    """Unit-length vectors around one random direction a heap, shuffled; and the heap of each."""
    rng = np.random.default_rng(seed)
    middles = rng.standard_normal((len(sizes), length))
    of = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    vectors = middles[of] + spread * rng.standard_normal((len(of), length))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), of


@pytest.mark.parametrize("settings", [Clustering(k=4), Clustering("hdbscan", min_size=6)], ids=lambda each: each.method)
def test_heaps_are_found_largest_first_with_distances_from_their_means(settings):
    vectors, heap = heaps((9, 30, 15, 20))
    found = find_clusters(vectors, settings)
    assert len(found) == 4
    clustered = found.of >= 0
    assert clustered.mean() > 0.9 and (clustered.all() or settings.method == "hdbscan")
    assert np.array_equal(found.of[clustered], np.array([3, 0, 2, 1])[heap[clustered]])
    for row in np.flatnonzero(clustered):
        mean = np.mean([vectors[i].astype(np.float64) for i in np.flatnonzero(found.of == found.of[row])], axis=0)
        assert found.distances[row] == pytest.approx(np.sqrt(((vectors[row] - mean) ** 2).sum()))
    assert np.isnan(found.distances[~clustered]).all()
    members = found.members(1)
    assert sorted(members) == np.flatnonzero(found.of == 1).tolist()
    assert (np.diff(found.distances[members]) >= 0).all()


def test_kmeans_ends_where_no_vector_is_nearer_to_another_mean():
    vectors, _ = heaps((40, 40, 40), spread=0.6)
    found = find_clusters(vectors, Clustering(k=5, seed=3))
    means = np.array([vectors[found.of == number].mean(axis=0) for number in range(5)])
    assert np.array_equal(((vectors[:, None] - means) ** 2).sum(axis=2).argmin(axis=1), found.of)


def test_seed_decides_kmeans():
    vectors, _ = heaps((200,), spread=1.0)
    one, same, other = (find_clusters(vectors, Clustering(k=7, starts=1, seed=seed)).of for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_hdbscan_leaves_out_what_lies_far_from_all():
    vectors, _ = heaps((20, 20))
    far = (-vectors.mean(axis=0) / np.linalg.norm(vectors.mean(axis=0))).astype(np.float32)
    found = find_clusters(np.vstack([vectors, far]), Clustering("hdbscan"))
    assert found.of[-1] == -1
    assert np.isnan(found.distances[-1])


def test_what_cannot_be_clustered_is_refused():
    vectors, _ = heaps((6,))
    with pytest.raises(UsageError, match="6 vectors do not make 10 clusters: give --k 6"):
        find_clusters(vectors, Clustering())
    with pytest.raises(UsageError, match="6 vectors, 1 of them different, do not make 3 clusters: give --k 1"):
        find_clusters(vectors[[0] * 6], Clustering(k=3))
    with pytest.raises(UsageError, match="among 6 vectors HDBSCAN finds no cluster of 7 or more"):
        find_clusters(vectors, Clustering("hdbscan", min_size=7))
    scattered = np.eye(6, dtype=np.float32)
    with pytest.raises(UsageError, match="give a smaller --min-size, or --method kmeans"):
        find_clusters(scattered, Clustering("hdbscan", min_size=4))


def test_agreement_with_labels_is_that_of_hand_values():
    """Clusters aab|bb: purity 4 of 5; pairs together in both 1 + 1, in clusters 3 + 1, in labels 1 + 3, of 10."""
    of, labels = np.array([0, 0, 0, 1, 1, 0]), ["a", "a", "b", "b", "b", None]
    found = agreement(of, labels)
    assert (found.labelled, found.purity) == (5, 80)
    expected = 4 * 4 / 10
    assert found.ari == pytest.approx((2 - expected) / (4 - expected))

    def entropy(*counts):
        shares = np.array(counts) / sum(counts)
        return -(shares * np.log(shares)).sum()

    mutual = entropy(3, 2) + entropy(2, 3) - entropy(2, 1, 2)
    assert found.nmi == pytest.approx(mutual / entropy(3, 2))
    assert agreement(of, [None] * 6) is None
    alone = agreement(np.array([0, 0, -1, -1]), ["a", "a", "b", "a"])
    assert alone.purity == 75


@pytest.mark.parametrize("wrong", [{"k": 1}, {"starts": 0}, {"seed": -1}, {"min_size": 1}])
def test_settings_out_of_range_are_refused(wrong):
    name = next(iter(wrong)).replace("_", "-")
    with pytest.raises(UsageError, match=f"--{name} is {next(iter(wrong.values()))}: give"):
        Clustering(**wrong)
