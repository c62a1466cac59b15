import pytest
import torch

from kinema.batch import generator
from kinema.errors import DataError, UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.hard_positives import hard_positives

CLASSES = ("walk", "run", "jump")


def features(vectors: torch.Tensor, labels: list[int]) -> Features:
    return Features(vectors, torch.tensor(labels), tuple(f"{row}.mp4" for row in range(len(labels))), CLASSES)


def random_set(looks: int, clips: int, seed: int) -> tuple[Features, list[str]]:
    """Clips of random classes and looks, some alike to the last bit, so that there are ties."""
    rng = torch.Generator().manual_seed(seed)
    vectors = torch.randn(clips, 3, generator=rng).round()
    vectors[vectors.eq(0).all(1), 0] = 1
    labels = torch.randint(3, (clips,), generator=rng).tolist()
    return features(vectors, labels), [f"look {n}" for n in torch.randint(looks, (clips,), generator=rng).tolist()]


def by_loop(query, looks, gallery=None, gallery_looks=(), similarity=None):
    """The index of each query, pair by pair; None where there is no pair."""
    vectors = [*query.vectors, *([] if gallery is None else gallery.vectors)]
    labels = [*query.labels.tolist(), *([] if gallery is None else gallery.labels.tolist())]
    looks = [*looks, *gallery_looks]
    found = []
    for q in range(len(query)):
        wins, pairs = 0.0, 0
        for p in range(len(labels)):
            for n in range(len(labels)):
                if labels[p] == labels[q] and looks[p] != looks[q] and labels[n] != labels[q] and looks[n] == looks[q]:
                    gap = similarity(vectors[q], vectors[p]) - similarity(vectors[q], vectors[n])
                    wins += 0.5 if abs(gap) < 1e-9 else float(gap > 0)
                    pairs += 1
        found.append((wins / pairs, pairs) if pairs else None)
    return found


def cosine(a, b):
    return float(a.double() @ b.double() / (a.double().norm() * b.double().norm()))


def closeness(a, b):
    return -float((a.double() - b.double()).norm())


@pytest.mark.parametrize(("metric", "similarity"), [("cosine", cosine), ("l2", closeness)])
@pytest.mark.parametrize("with_gallery", [False, True])
def test_index_is_that_of_a_loop_over_all_pairs(metric, similarity, with_gallery):
    query, looks = random_set(4, 24, seed=0)
    gallery, gallery_looks = random_set(5, 17, seed=1) if with_gallery else (None, [])
    expected = by_loop(query, looks, gallery, gallery_looks, similarity)
    found = hard_positives(query, looks, gallery, gallery_looks, metric=metric)
    assert found.rows.tolist() == [row for row, each in enumerate(expected) if each is not None]
    counted = [each for each in expected if each is not None]
    assert found.index.tolist() == pytest.approx([index for index, _ in counted])
    assert found.pairs.tolist() == [pairs for _, pairs in counted]
    mean = 100 * sum(index for index, _ in counted) / len(counted)
    assert found.estimate(generator(0)).value == pytest.approx(mean)


def grid(classes: int, looks: int) -> tuple[list[int], list[str]]:
    return [c for _ in range(looks) for c in range(classes)], [
        f"look {n}" for n in range(looks) for _ in range(classes)
    ]


def test_action_alone_gives_100_look_alone_0_and_nothing_50():
    labels, looks = grid(3, 4)
    action = torch.eye(3)[labels]
    look = torch.eye(4)[[int(name[-1]) for name in looks]]
    for vectors, index in ((action, 1.0), (look, 0.0), (torch.ones(12, 3), 0.5)):
        assert hard_positives(features(vectors, labels), looks).index.tolist() == [index] * 12


def test_centring_subtracts_each_sets_own_mean():
    query, looks = random_set(4, 24, seed=2)
    shifted = features(query.vectors + 5, query.labels.tolist())
    centred = [hard_positives(each, looks, center=True).index for each in (query, shifted)]
    torch.testing.assert_close(*centred)
    assert not torch.equal(hard_positives(shifted, looks).index, centred[1])


def resampled_by_loop(query, looks, drawn):
    """The index over looks drawn with replacement: each brings all its clips, as queries and as candidates."""
    total, weight = 0.0, 0.0
    for look in drawn:
        for q in [row for row, name in enumerate(looks) if name == look]:
            shares = []
            negatives = [n for n in range(len(looks)) if looks[n] == look and query.labels[n] != query.labels[q]]
            for other in drawn:
                if other == look or not negatives:
                    continue
                for p in [
                    row for row, name in enumerate(looks) if name == other and query.labels[row] == query.labels[q]
                ]:
                    own = cosine(query.vectors[q], query.vectors[p])
                    gaps = [own - cosine(query.vectors[q], query.vectors[n]) for n in negatives]
                    shares.append(sum(0.5 if abs(gap) < 1e-9 else float(gap > 0) for gap in gaps) / len(gaps))
            if shares:
                total, weight = total + sum(shares) / len(shares), weight + 1
    return 100 * total / weight


def test_resample_draws_looks_and_all_their_clips_come_along():
    query, looks = random_set(6, 48, seed=3)
    found = hard_positives(query, looks)
    assert found.resampled == "looks"
    draws = 20
    estimate = found.estimate(generator("bootstrap", 0), draws=draws)
    names = list(dict.fromkeys(looks))
    assert len(names) == len(torch.unique(found.looks)) == 6
    picks = torch.randint(6, (6, draws), generator=generator("bootstrap", 0))
    expected = [resampled_by_loop(query, looks, [names[row] for row in picks[:, draw]]) for draw in range(draws)]
    assert estimate.draws.tolist() == pytest.approx(expected)


def test_interval_over_looks_is_wider_than_over_queries_where_looks_differ():
    """Each look is hard or easy as a whole; drawing its clips as if they were independent would hide that."""
    labels, looks = grid(3, 10)
    rng = torch.Generator().manual_seed(0)
    pull = torch.rand(10, 1, generator=rng).repeat_interleave(3, 0) * 2
    look = torch.eye(10)[[int(name[-1]) for name in looks]]
    vectors = torch.cat([torch.eye(3)[labels], pull * look], dim=1) + 0.01 * torch.randn(30, 13, generator=rng)
    found = hard_positives(features(vectors, labels), looks)
    low, high = found.estimate(generator(0)).interval()
    index = found.index
    picks = torch.randint(30, (10_000, 30), generator=torch.Generator().manual_seed(0))
    naive = torch.quantile(index[picks].mean(1), torch.tensor([0.025, 0.975], dtype=torch.float64))
    assert high - low > 1.3 * 100 * float(naive[1] - naive[0])


def test_few_looks_draw_queries_instead():
    query, looks = random_set(3, 30, seed=4)
    found = hard_positives(query, looks)
    assert found.resampled == "queries"
    picks = torch.randint(len(found.rows), (len(found.rows), 50), generator=generator(1))
    expected = 100 * found.index[picks].mean(0)
    torch.testing.assert_close(found.estimate(generator(1), draws=50).draws, expected)


def test_some_queries_alone_have_their_own_index():
    query, looks = random_set(6, 40, seed=5)
    found = hard_positives(query, looks)
    among = torch.arange(len(found.rows)) < 10
    assert found.estimate(generator(0), among=among).value == pytest.approx(100 * found.index[:10].mean().item())


@pytest.mark.parametrize(
    ("labels", "looks"),
    [
        ([0, 1, 2, 0, 1, 2], ["a"] * 6),  # one look: no positive
        ([0, 1, 0, 1], ["a", "b", "c", "d"]),  # every clip another look: no negative
        ([0, 0, 1, 1], ["a", "a", "b", "b"]),  # the look is the class
    ],
)
def test_set_without_such_pairs_is_refused_in_one_line(labels, looks):
    with pytest.raises(UsageError, match="no test video has both") as caught:
        hard_positives(features(torch.randn(len(labels), 3), labels), looks)
    assert "\n" not in str(caught.value)


def test_looks_and_labels_that_are_missing_are_refused():
    query, looks = random_set(3, 10, seed=6)
    with pytest.raises(UsageError, match="9 looks for 10 videos"):
        hard_positives(query, looks[:-1])
    with pytest.raises(DataError, match="have no label"):
        hard_positives(features(query.vectors, [-1, *query.labels.tolist()[1:]]), looks)
