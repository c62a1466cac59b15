"""Vectors of no network, of any number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from kinema.parquet import table_bytes


def write_vectors(folder: Path, vectors: np.ndarray, labels=None, paths=None, model="made-up") -> Path:
    """A folder as `kinema embed` leaves it, of vectors float32 [V, D] of no network."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(vectors)
    columns = {
        "id": [f"{row:016x}" for row in range(count)],
        "path": list(paths) if paths is not None else [f"clips/{row:06d}.mp4" for row in range(count)],
        "start": [0.0] * count,
        "end": [1.0] * count,
        "label": list(labels) if labels is not None else [None] * count,
    }
    card = {"run": "runs/none", "view": "rgb", "weights": "0" * 16, "hash": model, "windows": {}}
    (folder / "model.json").write_text(json.dumps(card))
    told = {"model": model, "videos": str(count), "failed": "0"}
    (folder / "part-00000.parquet").write_bytes(table_bytes(columns, torch.from_numpy(vectors), told))
    return folder


def clustered(count: int, length: int, seed: int = 0) -> np.ndarray:
    """float32 [count, length] of unit length around a centre for every 200 or so, as features of videos lie."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(count // 200, 1), length)).astype(np.float32)
    found = centres[rng.integers(len(centres), size=count)] + 0.7 * rng.normal(size=(count, length)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)
