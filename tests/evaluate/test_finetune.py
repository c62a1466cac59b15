import pytest
import torch
from torch import nn

from kinema import precision
from kinema.batch import Batch, generator
from kinema.errors import DataError, NonFiniteLoss, UsageError
from kinema.evaluate.features import extract_logits
from kinema.evaluate.finetune import Classifier, Inputs, finetune
from kinema.evaluate.settings import Finetune
from kinema.evaluate.statistics import top_k_accuracy

CLASSES, VIDEOS = 3, 30
QUICK = Finetune(epochs=6, lr=0.05, batch_size=8, dropout=0.2)


class Tiny(nn.Module):
    feature_dim = 8

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 8, 1)
        self.norm = nn.BatchNorm3d(8)
        with torch.no_grad():
            for parameter in self.conv.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator("tiny")))

    def forward(self, x):
        return self.norm(self.conv(x)).relu().mean((2, 3, 4))


class Videos:
    """Videos whose class is their strongest colour; remembers what was asked for."""

    def __init__(self, labels, clips=2):
        rng = generator("videos")
        shape = (len(labels), clips, 2, 4, 4, 3)
        self.pixels = torch.randint(0, 128, shape, generator=rng, dtype=torch.uint8)
        for video, label in enumerate(labels.tolist()):
            self.pixels[video, ..., label] += 100
        self.trained_on, self.chosen_on = set(), set()
        self.labels, self.scale = labels, 1.0

    def inputs(self):
        return Inputs(self.train, self.held_out, lambda batch: self.plain(batch.clips.flatten(0, 1)), self.plain)

    def plain(self, clips):
        return clips.permute(0, 4, 1, 2, 3).float() / 255 * self.scale

    def train(self, rows, epochs):
        self.trained_on |= set(rows.tolist())
        orders = [torch.randperm(len(rows), generator=generator("order", epoch)) for epoch in range(epochs)]
        return [self.batch(rows, video) for order in orders for video in order.split(8)]

    def batch(self, rows, video):
        clips, size = self.pixels[rows[video]], len(video)
        extent, dice = torch.full((size, 2), 4), torch.zeros(size, clips.shape[1], 40)
        return Batch(clips, extent, dice, video, torch.full((size,), -1))

    def held_out(self, rows):
        self.chosen_on |= set(rows.tolist())
        # Labels are not taken from here, so wrong ones must not matter.
        yield self.pixels[rows], torch.arange(len(rows)), torch.zeros(len(rows), dtype=torch.int64)


@pytest.fixture
def labels():
    return torch.arange(VIDEOS) % CLASSES


def test_classes_that_colour_tells_apart_are_learned_and_tested_on_other_videos(labels):
    done = finetune(Tiny(), labels, CLASSES, Videos(labels).inputs(), QUICK)
    test_labels = torch.tensor([2, 1, 0, 2])
    loader = [(Videos(test_labels, clips=10).pixels, torch.arange(4), test_labels)]
    scores, found = extract_logits(done.model, loader, device="cpu", num_videos=4)
    assert top_k_accuracy(scores, found) == 100.0
    assert torch.allclose(scores.sum(1), torch.ones(4))
    assert done.epochs[-1].loss < done.epochs[0].loss


def test_best_epoch_is_chosen_on_train_videos_that_were_not_trained_on(labels):
    videos = Videos(labels)
    done = finetune(Tiny(), labels, CLASSES, videos.inputs(), QUICK)
    assert not videos.trained_on & videos.chosen_on
    assert videos.trained_on | videos.chosen_on == set(range(VIDEOS))
    assert done.held_out == len(videos.chosen_on) == 6
    accuracies = [epoch.held_out for epoch in done.epochs]
    marks = [(epoch.held_out, -epoch.held_out_loss) for epoch in done.epochs]
    assert done.chosen == marks.index(max(marks))
    rows = torch.tensor(sorted(videos.chosen_on))
    scores, _ = extract_logits(done.model, videos.held_out(rows), device="cpu", num_videos=6)
    assert top_k_accuracy(scores, labels[rows]) == accuracies[done.chosen]
    of_the_label = scores[torch.arange(6), labels[rows]]
    assert -of_the_label.log().mean().item() == pytest.approx(done.epochs[done.chosen].held_out_loss, abs=1e-5)


def test_weights_of_an_early_best_epoch_are_kept(labels):
    """After the first epoch the inputs of the held-out videos are wiped, so no later epoch can do better."""
    videos = Videos(labels)
    inputs = videos.inputs()
    asked = []

    def held_out(rows):
        asked.append(1)
        for clips, video, label in videos.held_out(rows):
            yield clips if len(asked) == 1 else torch.zeros_like(clips), video, label

    done = finetune(Tiny(), labels, CLASSES, Inputs(videos.train, held_out, inputs.augmented, inputs.plain), QUICK)
    one = finetune(Tiny(), labels, CLASSES, Videos(labels).inputs(), Finetune(**(vars(QUICK) | {"epochs": 1})))
    assert done.chosen == 0 and done.epochs[0].held_out > done.epochs[-1].held_out
    kept, expected = done.model.state_dict(), one.model.state_dict()
    assert all(torch.equal(kept[name], expected[name]) for name in kept)


def test_last_epoch_trains_on_every_train_video_and_holds_none_out(labels):
    videos = Videos(labels)
    done = finetune(Tiny(), labels, CLASSES, videos.inputs(), Finetune(**(vars(QUICK) | {"select": "last"})))
    assert videos.trained_on == set(range(VIDEOS))
    assert not videos.chosen_on
    assert (done.chosen, done.held_out, done.epochs[-1].held_out) == (5, 0, None)


def test_mixed_precision_is_refused_on_a_cpu_without_it_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    labels = torch.arange(VIDEOS) % CLASSES
    videos = Videos(labels)
    settings = Finetune(**(vars(QUICK) | {"precision": "bf16-mixed"}))
    with pytest.raises(UsageError, match=r"--finetune\.precision bf16-mixed needs a GPU"):
        finetune(Tiny(), labels, CLASSES, videos.inputs(), settings)
    assert not videos.trained_on


def test_given_backbone_is_left_as_it_was(labels):
    backbone = Tiny()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    done = finetune(backbone, labels, CLASSES, Videos(labels).inputs(), QUICK)
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert not torch.equal(done.model.classifier.backbone.conv.weight, backbone.conv.weight)


def test_result_follows_its_seed_and_no_global_state(labels):
    def weights(seed, state):
        torch.manual_seed(state)
        done = finetune(Tiny(), labels, CLASSES, Videos(labels).inputs(), QUICK, seed=seed)
        return done.model.classifier.linear.weight

    first = weights(1, 0)
    assert torch.equal(weights(1, 9), first)
    assert not torch.equal(weights(2, 0), first)


def test_rate_falls_to_a_tenth_at_each_milestone(labels):
    settings = Finetune(**(vars(QUICK) | {"epochs": 10, "lr": 1.0, "select": "last"}))
    seen, steps = [], []
    inputs = Videos(labels).inputs()
    count = lambda done, total: steps.append((done, total))  # noqa: E731
    finetune(Tiny(), labels, CLASSES, inputs, settings, on_epoch=seen.append, progress=count)
    assert steps == [(done, 40) for done in range(1, 41)]
    assert [epoch.lr for epoch in seen] == pytest.approx([1.0] * 6 + [0.1] * 2 + [0.01] * 2)


def test_whole_groups_are_held_out(labels):
    groups = [f"person{row // 6}" for row in range(VIDEOS)]
    videos = Videos(labels)
    done = finetune(Tiny(), labels, CLASSES, videos.inputs(), QUICK, groups=groups)
    assert done.whole_groups
    assert len({groups[row] for row in videos.chosen_on}) == 1


def test_dropout_keeps_the_mean_and_is_off_without_chance():
    classifier = Classifier(Tiny(), CLASSES, 0.5, generator(0))
    classifier.backbone = nn.Flatten()
    classifier.linear = nn.Identity()
    ones = torch.ones(1000, 8)
    dropped = classifier(ones, generator(1))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert dropped.mean() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(classifier(ones), ones)


def test_classifier_starts_small():
    linear = Classifier(Tiny(), 1000, 0.5, generator(0)).linear
    assert linear.weight.detach().std().item() == pytest.approx(0.01, rel=0.05)
    assert not linear.bias.any()


def test_loss_that_is_not_finite_stops_the_run_and_names_the_videos(labels):
    videos = Videos(labels)
    videos.scale = float("nan")
    with pytest.raises(NonFiniteLoss, match=r"nan at step 0, videos \[\d+,"):
        finetune(Tiny(), labels, CLASSES, videos.inputs(), QUICK)


def test_unusable_input_is_refused(labels):
    videos = Videos(labels)
    with pytest.raises(DataError, match="are of class 1"):
        finetune(Tiny(), torch.ones(5, dtype=torch.int64), CLASSES, videos.inputs(), QUICK)
    empty = Inputs(lambda rows, epochs: [], videos.held_out, lambda batch: batch.clips, videos.plain)
    with pytest.raises(DataError, match="no training batch of 24 videos"):
        finetune(Tiny(), labels, CLASSES, empty, QUICK)
