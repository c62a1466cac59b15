"""Approximate search says what its recall is, and that is so."""

import numpy as np
import pytest
import torch
from made_up import clustered, write_vectors

from kinema.search import Index, ann, database

pytest.importorskip("lancedb", reason="lancedb is not installed")


def recall_at_10(index, vectors, rows):
    """Against NumPy, each row's own vector left out."""
    found = 0
    for row in rows:
        cosines = vectors @ vectors[row]
        cosines[row] = -2
        nearest = set(np.argsort(-cosines)[:10].tolist())
        hits = [int(hit.id, 16) for hit in index.nearest(torch.from_numpy(vectors[row]), k=11)]
        found += len(nearest & set(hits))
    return found / 10 / len(rows)


def test_small_index_is_exact_and_a_large_one_has_measured_recall(tmp_path, monkeypatch):
    vectors = clustered(3000, 16)
    folder = write_vectors(tmp_path / "v", vectors)
    assert Index.open(folder).about.recall is None
    monkeypatch.setattr(database, "EXACT_BELOW", 3000)
    monkeypatch.setattr(ann, "SAMPLE", 60)
    said = []
    index = Index.open(folder, at=str(tmp_path / "ann"), say=said.append)
    assert index.about.partitions == 55
    assert index.about.sample == 60
    assert index.about.recall >= ann.TARGET
    assert f"recall@10 {index.about.recall:.3f}" in said[-1]
    assert Index.open(folder, at=str(tmp_path / "ann")).about == index.about
    sample = [3000 * i // 60 for i in range(60)]
    assert recall_at_10(index, vectors, sample) == pytest.approx(index.about.recall, abs=0.002)


def test_more_partitions_are_looked_into_where_recall_asks_for_it(tmp_path, monkeypatch):
    """Vectors without any order are the hardest: most partitions hold some of a vector's nearest."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2000, 32)).astype(np.float32)
    folder = write_vectors(tmp_path / "v", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    monkeypatch.setattr(database, "EXACT_BELOW", 2000)
    monkeypatch.setattr(ann, "SAMPLE", 20)
    monkeypatch.setattr(ann, "TARGET", 1.0)
    about = Index.open(folder).about
    assert about.recall == 1.0
    assert 2 * ann.FIRST <= about.probes <= about.partitions, "which of them suffice depends on the k-means' beginning"
    monkeypatch.setattr(ann, "TARGET", 0.1)
    about = Index.open(folder, at=str(tmp_path / "less")).about
    assert about.probes == ann.FIRST
    assert 0.1 < about.recall < 0.9


def test_searches_that_the_recall_was_not_measured_for_are_exact(tmp_path, monkeypatch):
    vectors = clustered(3000, 16)
    folder = write_vectors(tmp_path / "v", vectors, labels=["even", "odd"] * 1500)
    monkeypatch.setattr(database, "EXACT_BELOW", 3000)
    monkeypatch.setattr(ann, "SAMPLE", 5)
    monkeypatch.setattr(ann, "TARGET", 0.0)
    monkeypatch.setattr(ann, "FIRST", 1)
    index = Index.open(folder)
    assert index.about.probes == 1
    query = np.ones(16, dtype=np.float32)
    order = np.argsort(-(vectors @ query)).tolist()
    asked = torch.from_numpy(query)
    assert [int(hit.id, 16) for hit in index.nearest(asked, k=200)] == order[:200]
    assert [int(hit.id, 16) for hit in index.nearest(asked, k=10, exact=True)] == order[:10]
    odd = [row for row in order if row % 2][:10]
    assert [int(hit.id, 16) for hit in index.nearest(asked, k=10, among="label = 'odd'")] == odd


@pytest.mark.parametrize(("found", "exact", "expected"), [([0.1, 0.2], [0.1, 0.2], 1), ([0.1, 0.3], [0.1, 0.2], 0.5)])
def test_recall_counts_rows_as_near_as_the_last_of_the_exact(found, exact, expected):
    assert ann.share(found, exact) == expected


@pytest.mark.slow
def test_recall_of_120000_vectors_is_as_measured(tmp_path):
    vectors = clustered(120_000, 128)
    said = []
    index = Index.open(write_vectors(tmp_path / "v", vectors), say=said.append)
    print(said[-1])
    assert index.about.recall >= ann.TARGET
    rows = list(range(7, 120_000, 2400))
    found = recall_at_10(index, vectors, rows)
    print(f"recall@10 against NumPy on {len(rows)} others: {found:.3f}")
    assert found >= ann.TARGET - 0.04
