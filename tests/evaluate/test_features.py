import pytest
import torch
from torch import nn

from kinema.errors import DataError, UsageError
from kinema.evaluate.features import Features, extract, extract_logits


class MeanColour(nn.Module):
    """uint8 [M, T, H, W, 3] to [M, 3]; dropout shows whether it was in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Dropout(0.5)
        self.frozen = nn.BatchNorm1d(3).eval()

    def forward(self, clips):
        assert not torch.is_grad_enabled()
        return self.backbone(clips.float().mean((1, 2, 3)))


def clips_of(videos, clips=4):
    """Random clips [V, N, 2, 5, 6, 3]."""
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (videos, clips, 2, 5, 6, 3), generator=rng, dtype=torch.uint8)


def loader(clips, order, size=2):
    for start in range(0, len(order), size):
        video = torch.tensor(order[start : start + size])
        yield clips[video], video, video % 2


def extracted(order, videos=5, encoder=None, **options):
    names = tuple(f"{n}.avi" for n in range(videos))
    return extract(
        encoder or MeanColour(),
        loader(clips_of(videos), order),
        device="cpu",
        num_videos=videos,
        classes=("a", "b"),
        paths=names,
        **options,
    )


def test_feature_is_the_mean_over_a_videos_clips_whatever_the_order():
    found = extracted([3, 0, 4, 1, 2])
    expected = clips_of(5).double().mean((1, 2, 3, 4)).float()
    assert torch.allclose(found.vectors, expected, atol=1e-3)
    assert found.labels.tolist() == [0, 1, 0, 1, 0]
    assert found.vectors.dtype == torch.float32
    assert found.paths[3] == "3.avi"


def test_features_can_be_trained_on_after_extraction():
    vectors = extracted([0, 1, 2, 3, 4]).vectors
    weight = torch.zeros(3, requires_grad=True)
    (vectors @ weight).sum().backward()
    assert torch.allclose(weight.grad, vectors.sum(0))


def test_modules_are_put_back_in_the_mode_they_were_in():
    encoder = MeanColour().train()
    encoder.frozen.eval()
    extracted([0, 1, 2, 3, 4], encoder=encoder)
    assert (encoder.training, encoder.backbone.training, encoder.frozen.training) == (True, True, False)


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ([0, 1, 2, 3], "left out 1 of 5 videos, the first is 4"),
        ([0, 1, 2, 3, 4, 1], "video 1 twice"),
    ],
)
def test_every_video_must_come_exactly_once(order, complaint):
    with pytest.raises(DataError, match=complaint):
        extracted(order)


def test_video_of_another_list_is_refused():
    with pytest.raises(DataError, match="video 5 of a list of 5"):
        extract(
            MeanColour(), loader(clips_of(6), [0, 5]), device="cpu", num_videos=5, classes=("a", "b"), paths=["p"] * 5
        )


def test_progress_counts_videos():
    seen = []
    extracted([0, 1, 2, 3, 4], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_feature_that_is_not_finite_names_its_video():
    vectors = torch.zeros(3, 2)
    vectors[1, 0] = float("nan")
    with pytest.raises(DataError, match=r"b\.avi: feature is NaN"):
        Features(vectors, torch.zeros(3, dtype=torch.int64), ("a.avi", "b.avi", "c.avi"), ("x",))


def test_parts_that_do_not_fit_together_are_refused():
    with pytest.raises(UsageError, match="do not fit together"):
        Features(torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), ("a", "b", "c"), ("x",))


def test_logits_are_averaged_as_probabilities_or_as_they_are():
    class Model(nn.Module):
        def forward(self, clips):
            return clips.float().mean((1, 2, 3)) / 20

    clips = clips_of(3)
    logits = clips.float().mean((2, 3, 4)) / 20  # [V, N, 3]
    for average, expected in (("prob", logits.softmax(-1).mean(1)), ("logits", logits.mean(1))):
        found, labels = extract_logits(Model(), loader(clips, [2, 0, 1]), average=average, device="cpu", num_videos=3)
        assert torch.allclose(found, expected, atol=1e-5)
        assert labels.tolist() == [0, 1, 0]


def test_saved_features_come_back_the_same(tmp_path):
    features = extracted([0, 1, 2, 3, 4])
    odd = Features(features.vectors, features.labels, ("ü b,c.avi", "b", "c", "d", "e"), features.classes)
    odd.save(tmp_path / "deep" / "er" / "f.npz")
    back = Features.load(tmp_path / "deep" / "er" / "f.npz")
    assert torch.equal(back.vectors, odd.vectors) and torch.equal(back.labels, odd.labels)
    assert (back.paths, back.classes) == (odd.paths, odd.classes)
    assert back.labels.dtype == torch.int64
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["f.npz"]


@pytest.mark.parametrize("content", [None, b"", b"not an archive", b"PK\x03\x04half"])
def test_file_without_features_is_a_usage_error(tmp_path, content):
    path = tmp_path / "f.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"f\.npz: no features can be read"):
        Features.load(path)
