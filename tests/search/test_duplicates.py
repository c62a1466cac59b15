"""Near-duplicates: all pairs, and no others."""

import numpy as np
import pytest
import torch
from made_up import clustered, write_vectors

from kinema.errors import UsageError
from kinema.search import Index, duplicates

pytest.importorskip("lancedb", reason="lancedb is not installed")


def numpy_pairs(vectors, files, threshold):
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    cosines = unit @ unit.T
    return {
        (i, j): cosines[i, j]
        for i in range(len(vectors))
        for j in range(i + 1, len(vectors))
        if cosines[i, j] >= threshold and files[i] != files[j]
    }


@pytest.mark.parametrize("block", [7, 64, 4096])
def test_pairs_are_those_of_numpy_whatever_the_blocks(block, monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK", block)
    vectors, files = clustered(300, 6), np.arange(300) // 3
    expected = numpy_pairs(vectors, files, 0.9)
    left, right, cosines = duplicates.pairs(torch.from_numpy(vectors), torch.from_numpy(files), 0.9)
    found = dict(zip(zip(left.tolist(), right.tolist(), strict=True), cosines.tolist(), strict=True))
    assert len(found) == len(left) > 100
    assert found == pytest.approx(expected)


def test_groups_hang_together_and_windows_of_one_file_are_no_pair(tmp_path):
    """a and b are equal, c is near to b alone, d and its own other window to nothing else."""
    angles = [0.0, 0.0, 0.3, 1.5, 1.5, 3.0]
    vectors = np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)
    folder = write_vectors(tmp_path / "v", vectors, paths=["b", "a", "c", "d", "d", "e"])
    [group] = Index.open(folder).duplicates(0.95)
    assert [hit.path for hit in group.hits] == ["a", "b", "c"]
    assert [hit.cosine for hit in group.hits] == pytest.approx([1, 1, np.cos(0.3)])
    [equal] = Index.open(folder).duplicates(1)
    assert [hit.path for hit in equal.hits] == ["a", "b"]


def test_only_rows_of_a_label_are_compared(tmp_path):
    vectors = np.tile(clustered(1, 8), (4, 1))
    folder = write_vectors(tmp_path / "v", vectors, labels=["x", "x", "y", "y"])
    index = Index.open(folder)
    assert [len(group.hits) for group in index.duplicates(0.99)] == [4]
    assert [len(group.hits) for group in index.duplicates(0.99, labels=["y"])] == [2]


def test_threshold_of_no_use_is_refused(tmp_path, monkeypatch):
    index = Index.open(write_vectors(tmp_path / "v", clustered(60, 8)))
    for threshold in (1.5, -1, float("nan")):
        with pytest.raises(UsageError, match="give a cosine up to 1"):
            index.duplicates(threshold)
    monkeypatch.setattr(duplicates, "MOST", 100)
    with pytest.raises(UsageError, match="more than 100 pairs"):
        index.duplicates(-0.99)


def test_cosines_of_random_pairs_are_said(tmp_path):
    said = []
    folder = write_vectors(tmp_path / "v", np.repeat(clustered(1, 8), 20, axis=0))
    Index.open(folder, say=said.append).duplicates(1)
    assert said[-1] == "of random pairs, half have a cosine above 1.0000, and one in 1000 above 1.0000"
