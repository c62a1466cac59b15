import numpy as np
import pytest
import torch

from kinema.evaluate.health import collapse_figures


def test_figures_equal_their_numpy_formula():
    vectors = torch.randn(60, 8, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 2, 8)
    unit = vectors.numpy().astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    share = np.sqrt(np.linalg.eigvalsh(np.cov(unit.T, bias=True)))
    share /= share.sum()
    found = collapse_figures(vectors)
    assert found["probe/effective_rank"] == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-6)
    assert found["probe/feature_std"] == pytest.approx(unit.std(0, ddof=1).mean() * np.sqrt(8), rel=1e-6)


def test_features_spread_over_the_sphere_use_every_dimension():
    found = collapse_figures(torch.randn(4000, 16, generator=torch.Generator().manual_seed(0)))
    assert found["probe/feature_std"] == pytest.approx(1, abs=0.02)
    assert found["probe/effective_rank"] == pytest.approx(16, abs=0.1)


def test_equal_features_have_no_spread_and_a_line_has_rank_one():
    same = collapse_figures(torch.ones(20, 4))
    assert same["probe/feature_std"] == pytest.approx(0, abs=1e-6)
    line = collapse_figures(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(10, 1))
    assert line["probe/effective_rank"] == pytest.approx(1, abs=1e-3)
