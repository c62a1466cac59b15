import numpy as np
import pytest
import torch

from kinema.batch import generator
from kinema.errors import UsageError
from kinema.evaluate.episodes import Pool, draw_episodes
from kinema.evaluate.features import Features
from kinema.evaluate.fewshot import episode_accuracies
from kinema.evaluate.score import score_from_hits
from kinema.evaluate.settings import FewShot


def pool(features: Features, units=None) -> Pool:
    return Pool(features.labels.tolist(), features.paths if units is None else units)


def episodes_of(support, query, *, way=3, shots=2, queries=5, episodes=20, seed=0):
    rng = generator("test", seed)
    return draw_episodes(support, query, way=way, shots=shots, queries=queries, episodes=episodes, rng=rng)


def centroid_accuracies(support, query, episodes, metric, center):
    """Independent reference: one query after the other, in NumPy."""
    s, q = support.vectors.double().numpy(), query.vectors.double().numpy()
    if center:
        s, q = s - s.mean(0), q - q.mean(0)
    if metric == "cosine":
        s, q = (x / np.sqrt((x * x).sum(1, keepdims=True)) for x in (s, q))
    found = []
    for episode in episodes:
        centres = [np.mean([s[row] for row in rows], axis=0) for rows in episode.support.tolist()]
        right = []
        for own, rows in enumerate(episode.query.tolist()):
            for row in rows:
                if metric == "cosine":
                    far = [-float(q[row] @ c) / np.sqrt(float(c @ c)) for c in centres]
                else:
                    far = [np.sqrt(float(((q[row] - c) ** 2).sum())) for c in centres]
                right.append(far.index(min(far)) == own)
        found.append(sum(right) / len(right))
    return np.array(found)


def logistic_accuracies(support, query, episodes):
    """Independent reference: gradient descent on cross entropy with half the squared weights, in NumPy."""
    s, q = (part.vectors.double().numpy() for part in (support, query))
    s, q = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (s, q))
    found = []
    for episode in episodes:
        n, k = episode.support.shape
        x, y = s[episode.support.flatten().numpy()], np.eye(n).repeat(k, axis=0)
        weight, bias = np.zeros((x.shape[1], n)), np.zeros(n)
        for _ in range(3000):
            logits = x @ weight + bias
            share = np.exp(logits - logits.max(1, keepdims=True))
            error = share / share.sum(1, keepdims=True) - y
            weight -= 0.2 * (x.T @ error + weight)
            bias -= 0.2 * error.sum(0)
        guess = (q[episode.query.flatten().numpy()] @ weight + bias).argmax(1)
        found.append(np.mean(guess == np.arange(n).repeat(episode.query.shape[1])))
    return np.array(found)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("center", [False, True])
def test_accuracies_equal_a_plain_numpy_loop_over_episodes(make_features, metric, center):
    support, query = make_features(12, spread=2.0, seed=1), make_features(9, spread=2.0, seed=2)
    episodes = episodes_of(pool(support), pool(query))
    found = episode_accuracies(support, query, episodes, metric=metric, center=center)
    np.testing.assert_allclose(found.numpy(), centroid_accuracies(support, query, episodes, metric, center))
    assert 0.4 < found.mean() < 0.95  # neither trivial nor chance, so that the comparison says something


def test_logistic_head_equals_gradient_descent_in_numpy(make_features):
    pytest.importorskip("sklearn")
    support, query = make_features(12, spread=2.0, seed=1), make_features(9, spread=2.0, seed=2)
    episodes = episodes_of(pool(support), pool(query), episodes=8)
    found = episode_accuracies(support, query, episodes, head="logistic")
    np.testing.assert_allclose(found.numpy(), logistic_accuracies(support, query, episodes), atol=0.07)
    np.testing.assert_allclose(found.mean(), logistic_accuracies(support, query, episodes).mean(), atol=0.02)
    assert (found != episode_accuracies(support, query, episodes)).any()


def test_figure_is_the_mean_over_episodes_with_the_interval_of_a_mean(make_features):
    support, query = make_features(12, spread=2.0, seed=1), make_features(9, spread=2.0, seed=2)
    accuracies = episode_accuracies(support, query, episodes_of(pool(support), pool(query), episodes=400))
    score = score_from_hits({"3-way 2-shot": accuracies})
    values = 100 * accuracies.numpy()
    half = 1.96 * values.std(ddof=1) / 20
    assert score.value == pytest.approx(values.mean())
    assert score.interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)


def test_features_without_information_are_at_chance(make_features):
    support, query = (make_features(20, classes=6, spread=1e6, seed=seed) for seed in (1, 2))
    episodes = episodes_of(pool(support), pool(query), way=5, shots=1, queries=10, episodes=300)
    assert 100 * episode_accuracies(support, query, episodes).mean() == pytest.approx(20, abs=2)


def test_episode_has_its_classes_in_both_parts_and_no_row_twice(make_features):
    support, query = make_features(6, classes=7), make_features(8, classes=7)
    seen = set()
    for episode in episodes_of(pool(support), pool(query), episodes=60):
        labels = support.labels[episode.support]
        assert episode.support.shape == (3, 2) and episode.query.shape == (3, 5)
        assert (labels == labels[:, :1]).all() and (query.labels[episode.query] == labels[:, :1]).all()
        assert len(set(labels[:, 0].tolist())) == 3
        assert episode.support.unique().numel() == 6 and episode.query.unique().numel() == 15
        seen |= set(episode.support.flatten().tolist())
    assert seen == set(range(len(support)))


def sides(episode, units, query_units=None):
    query_units = units if query_units is None else query_units
    rows = episode.support.flatten().tolist(), episode.query.flatten().tolist()
    return {units[row] for row in rows[0]}, {query_units[row] for row in rows[1]}


def test_one_pool_gives_no_video_to_both_sides(make_features):
    videos = make_features(7)
    for episode in episodes_of(pool(videos), pool(videos), shots=2, queries=5, episodes=50):
        one, other = sides(episode, range(len(videos)))
        assert not one & other


def test_group_lies_on_one_side_of_an_episode_whatever_the_class(make_features):
    """Nine persons, each of whom does everything twice, as in Weizmann's set."""
    videos = make_features(18, classes=5)
    persons = [f"person {row // 5 % 9}" for row in range(len(videos))]
    taken = set()
    for episode in episodes_of(pool(videos, persons), pool(videos, persons), way=5, shots=4, queries=6, episodes=50):
        one, other = sides(episode, persons)
        assert not one & other
        taken |= one
    assert len(taken) == 9
    free = episodes_of(pool(videos), pool(videos), way=5, shots=4, queries=6, episodes=50)
    assert any(one & other for one, other in (sides(episode, persons) for episode in free))


def test_last_way_out_is_found_where_one_group_has_nearly_all_of_a_class():
    """Of two classes with 10 videos each, 8 of one source: with 6 queries the support is of the other two sources."""
    labels = [0] * 10 + [1] * 10
    units = 2 * (8 * ["big"] + ["small", "smaller"])
    units = [f"{label} {unit}" for label, unit in zip(labels, units, strict=True)]
    both = Pool(labels, units)
    for episode in episodes_of(both, both, way=2, shots=2, queries=6, episodes=30):
        assert not any("big" in unit for unit in sides(episode, units)[0])
    with pytest.raises(UsageError, match=r"0 of 2 classes have 3 videos .* give --fewshot\.queries 2 "):
        episodes_of(both, both, way=2, shots=3, queries=6)
    assert len(episodes_of(both, both, way=2, shots=3, queries=2)) == 20


def test_groups_that_fit_each_class_alone_but_not_together_are_refused():
    labels, units = [0, 0, 1, 1], ["a", "b", "a", "b"]
    with_both = Pool(labels, units)
    assert len(episodes_of(with_both, with_both, way=2, shots=1, queries=1)) == 20
    crossed = Pool([0, 0, 1, 1], ["a", "b", "c", "a"]), Pool([0, 0, 1, 1], ["b", "b", "c", "c"])
    found = episodes_of(*crossed, way=2, shots=1, queries=2, episodes=5)
    assert all(sides(episode, crossed[0].units)[0] == {"a"} for episode in found)
    stuck = Pool([0, 1], ["a", "b"]), Pool([0, 1], ["b", "a"])
    with pytest.raises(UsageError, match="share no group"):
        episodes_of(*stuck, way=2, shots=1, queries=1)


def test_same_seed_draws_the_same_episodes_and_another_seed_others(make_features):
    videos = pool(make_features(9))
    one, two, other = (episodes_of(videos, videos, seed=seed) for seed in (0, 0, 1))
    same = [torch.equal(a.support, b.support) and torch.equal(a.query, b.query) for a, b in zip(one, two, strict=True)]
    assert all(same)
    assert any(not torch.equal(a.query, b.query) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"way": 5}, "--fewshot.way is 5 of 4 classes with videos: give 4 or fewer"),
        ({"queries": 8}, "0 of 4 classes have 2 videos .* and 8 .* give --fewshot.queries 7 "),
        ({"shots": 9}, "0 of 4 classes have 9 videos .* give fewer --fewshot.shots"),
        ({"shots": 10}, "0 of 4 classes have 10 videos .* give fewer --fewshot.shots"),
    ],
)
def test_too_few_classes_or_videos_are_refused_with_what_would_do(make_features, asked, complaint):
    videos = pool(make_features(9))
    with pytest.raises(UsageError, match=complaint):
        episodes_of(videos, videos, **asked)


def test_features_of_another_encoder_are_refused(make_features):
    videos, others = make_features(9), make_features(9, length=8)
    with pytest.raises(UsageError, match="lengths 8 and 16"):
        episode_accuracies(videos, others, episodes_of(pool(videos), pool(videos)))


@pytest.mark.parametrize(
    "wrong", [{"way": 1}, {"shots": ()}, {"shots": (0,)}, {"shots": (1, 1)}, {"queries": 0}, {"episodes": 1}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=f"--fewshot.{next(iter(wrong))} is"):
        FewShot(**wrong)
