import pytest
import torch
from torch import nn

from kinema.batch import generator
from kinema.errors import DataError, NonFiniteLoss, UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.linear import Candidate, choose, fit, linear_probe
from kinema.evaluate.settings import LinearProbe

QUICK = LinearProbe(epochs=10, lrs=(0.1, 1.0), weight_decays=(1e-3,))


def reference_probe(features, candidate, settings, rng):
    """The probe as anyone would write it: torch's own layers and optimiser, one candidate, drawn in the same order."""
    length, classes = features.vectors.shape[1], len(features.classes)
    linear = nn.Linear(length, classes)
    weight = torch.empty(length, classes).normal_(0, 0.01, generator=rng)
    with torch.no_grad():
        linear.weight.copy_(weight.T)
        linear.bias.zero_()
    model = nn.Sequential(nn.BatchNorm1d(length), linear)
    optimiser = torch.optim.SGD(model.parameters(), candidate.lr, 0.9, weight_decay=candidate.weight_decay)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [6, 8])
    x = features.vectors / features.vectors.norm(dim=1, keepdim=True)
    for _ in range(settings.epochs):
        order = torch.randperm(len(x), generator=rng)
        for rows in torch.tensor_split(order, -(-len(x) // 32)):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), features.labels[rows]).backward()
            optimiser.step()
        schedule.step()
    return model.eval(), x


@pytest.mark.parametrize("candidate", [Candidate(0.1, 1e-3), Candidate(1.0, 1e-2)])
def test_every_probe_equals_torch_layers_and_optimiser_trained_alone(make_features, candidate):
    train = make_features(20, spread=2.0)
    others = [Candidate(0.01, 0.0), candidate, Candidate(0.5, 1e-4)]
    probes = fit(train.vectors, train.labels, 4, others, QUICK, rng=generator("same")).eval()
    model, x = reference_probe(train, candidate, QUICK, generator("same"))
    assert torch.allclose(probes(train.vectors)[1], model(x), atol=2e-4)
    assert not torch.allclose(probes(train.vectors)[0], model(x), atol=1e-2)


def test_separable_classes_are_separated(make_features):
    result = linear_probe(make_features(20, spread=0.3, seed=1), make_features(10, spread=0.3, seed=2), QUICK)
    assert result.top1 == 100.0


def test_labels_without_meaning_give_chance(make_features):
    train, test = (make_features(100, spread=1e6, seed=seed) for seed in (1, 2))
    assert linear_probe(train, test, QUICK).top1 == pytest.approx(25, abs=7)


@pytest.mark.parametrize("poison", ["features", "labels"])
def test_choice_never_sees_a_test_video(make_features, poison):
    train, test = make_features(15, spread=3.0, seed=1), make_features(15, spread=3.0, seed=2)
    vectors = test.vectors.flip(0) * 1e3 if poison == "features" else test.vectors
    labels = test.labels.roll(1) if poison == "labels" else test.labels
    poisoned = Features(vectors, labels, test.paths, test.classes)
    clean, spoilt = linear_probe(train, test, QUICK), linear_probe(train, poisoned, QUICK)
    assert clean.choice == spoilt.choice
    assert clean.top1 != spoilt.top1
    if poison == "labels":
        assert torch.equal(clean.logits, spoilt.logits)


def test_choice_is_the_most_accurate_on_held_out_videos_and_the_record_shows_all(make_features):
    train = make_features(40, spread=2.0)
    settings = LinearProbe(epochs=10, lrs=(1e-6, 0.1), weight_decays=(1e-3, 50.0))
    choice = choose(train, settings)
    assert choice.candidate == Candidate(0.1, 1e-3)
    assert len(choice.accuracies) == 4
    assert choice.accuracies[choice.candidate] == max(choice.accuracies.values()) > 60
    assert choice.held_out == 32


def test_candidate_that_diverges_disturbs_no_other_and_is_never_chosen(make_features):
    train = make_features(20, spread=2.0)
    wild = LinearProbe(epochs=10, lrs=(1e30, 0.1), weight_decays=(1e-3,))
    choice = choose(train, wild)
    assert choice.candidate == Candidate(0.1, 1e-3)
    assert choice.accuracies[Candidate(1e30, 1e-3)] == 0.0
    alone = choose(train, LinearProbe(epochs=10, lrs=(0.1,), weight_decays=(1e-3,)))
    assert choice.accuracies[choice.candidate] == alone.accuracies[choice.candidate]
    with pytest.raises(NonFiniteLoss, match="diverged at every learning rate"):
        choose(train, LinearProbe(epochs=10, lrs=(1e30,)))


def test_whole_groups_are_held_out_where_there_are_groups(make_features):
    train = make_features(20)
    groups = [f"person{row // 16}" for row in range(80)]
    assert choose(train, QUICK, groups=groups).whole_groups
    assert not choose(train, QUICK).whole_groups


def test_result_follows_its_seed_and_no_global_state(make_features):
    train, test = make_features(10, spread=3.0, seed=1), make_features(10, spread=3.0, seed=2)
    torch.manual_seed(1)
    first = linear_probe(train, test, QUICK, seed=3)
    torch.manual_seed(2)
    assert torch.equal(linear_probe(train, test, QUICK, seed=3).logits, first.logits)
    assert not torch.equal(linear_probe(train, test, QUICK, seed=4).logits, first.logits)


def test_progress_counts_the_epochs_of_choice_and_fit(make_features):
    seen = []
    linear_probe(make_features(5), make_features(5), QUICK, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 20) for done in range(1, 21)]


def test_batch_norm_never_meets_a_single_video(make_features):
    train = make_features(9, classes=11).rows(torch.arange(97))  # 3 * 32 + 1
    probes = fit(train.vectors, train.labels, 11, [Candidate(0.1, 0.0)], QUICK, rng=generator(0))
    assert probes(train.vectors).isfinite().all()


def test_probe_without_normalisation_is_plain_softmax_regression(make_features):
    settings = LinearProbe(epochs=1, batch_size=1000, normalise=False, batch_norm=False)
    train = make_features(5)
    probes = fit(train.vectors, train.labels, 4, [Candidate(1.0, 0.0)], settings, rng=generator(1))
    weight = torch.empty(16, 4).normal_(0, 0.01, generator=generator(1))
    error = (train.vectors @ weight).softmax(1) - nn.functional.one_hot(train.labels, 4)
    assert torch.allclose(probes.weight[0], weight - train.vectors.T @ error / len(train), atol=1e-5)


def test_unusable_input_is_refused(make_features):
    full = make_features(5)
    one_class = full.rows((full.labels == 0).nonzero()[:, 0])
    with pytest.raises(DataError, match="are of class 0"):
        linear_probe(one_class, full, QUICK)
    with pytest.raises(UsageError, match="class names"):
        linear_probe(full, make_features(5, classes=7), QUICK)
    with pytest.raises(UsageError, match="no candidates"):
        linear_probe(full, full, LinearProbe(lrs=()))
