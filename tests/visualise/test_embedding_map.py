from collections.abc import Callable

import pytest
import torch

from kinema.evaluate.features import Features
from kinema.visualise.embedding_map import embedding_map, look_of, plane


def blobs(videos: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.eye(3, 16).repeat(videos // 3, 1) + 0.02 * torch.randn(videos, 16, generator=rng)


def test_few_videos_are_placed_by_their_principal_components() -> None:
    vectors = blobs(15)
    placed, method = plane(vectors)
    unit = vectors.double() / vectors.double().norm(dim=1, keepdim=True)
    covariance = torch.cov(unit.T)
    variances = torch.linalg.eigvalsh(covariance).flip(0)
    torch.testing.assert_close(placed.double().var(dim=0), variances[:2], rtol=1e-4, atol=1e-8)
    assert method == f"PCA, two components with {100 * variances[:2].sum() / variances.sum():.0f} % of the variance"


def test_tsne_puts_videos_of_one_class_together_and_names_its_settings() -> None:
    placed, method = plane(blobs(36), seed=3)
    assert method == "t-SNE, perplexity 11, seed 3"
    distances = torch.cdist(placed, placed).fill_diagonal_(float("inf"))
    assert torch.equal(distances.argmin(dim=1) % 3, torch.arange(36) % 3)


def test_the_same_seed_gives_the_same_map() -> None:
    assert torch.equal(plane(blobs(30), seed=1)[0], plane(blobs(30), seed=1)[0])


@pytest.mark.parametrize("videos", [1, 2, 40])
def test_collapsed_features_can_be_placed(videos: int) -> None:
    placed, method = plane(torch.ones(videos, 8))
    assert placed.isfinite().all()
    assert "PCA" in method


def test_the_first_hundred_and_twenty_classes_look_different() -> None:
    assert len({look_of(label) for label in range(120)}) == 120


def test_every_class_is_in_the_legend(make_features: Callable[..., Features]) -> None:
    html = embedding_map(make_features("test"), make_features("test"))
    assert all(f"</svg>{name}</li>" in html for name in ("walk", "run", "jump"))
    assert "<b>This run.</b> PCA" in html
    assert "<b>Random init.</b> PCA" in html
