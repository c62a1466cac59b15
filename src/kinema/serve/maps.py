"""The maps of an index: where each clip is drawn, and in which cluster it is."""

from __future__ import annotations

from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kinema.errors import UsageError
from kinema.evaluate.clusters import find_clusters
from kinema.evaluate.settings import Clustering
from kinema.serve.collection import Collection
from kinema.serve.plane import neighbourhood, plane
from kinema.visualise.pictures import spread

Layout = Literal["components", "neighbours"]
MOST_POINTS = {"components": 20_000, "neighbours": 5_000}
"""Clips that are drawn; of more, evenly spaced ones."""
CLUSTERS = 8


class Maps:
    """Made when they are first asked for, and kept."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.made: dict[Layout, dict[str, Any]] = {}
        self.clusters: NDArray[np.int64] | None = None
        self.making = Lock()

    def points(self, by: Layout = "components") -> dict[str, Any]:
        """Clips by two principal components of all vectors, or with neighbours beside one another."""
        with self.making:
            if by not in self.made:
                self.made[by] = self.make(by)
        return self.made[by]

    def make(self, by: Layout) -> dict[str, Any]:
        """A map; `share` is the variance that it holds, where it holds a share of it."""
        rows, share = self.shown(by), None
        if by == "components":
            places, share = plane(self.collection.vectors)
            places = places[rows]
        else:
            places = neighbourhood(self.collection.vectors[rows])
        names = list(self.collection.labels)
        number = {label: place for place, label in enumerate(names)}
        clips = [self.collection.clips[row] for row in rows]
        return {
            "share": share,
            "total": len(self.collection.clips),
            "labels": names,
            "ids": [clip.id for clip in clips],
            "label": [number.get(clip.label or "", -1) for clip in clips],
            "x": [round(float(x), 4) for x in places[:, 0]],
            "y": [round(float(y), 4) for y in places[:, 1]],
        }

    def clustered(self, by: Layout = "components") -> dict[str, Any]:
        """The cluster of each point of a map, by k-means of up to `CLUSTERS` on whole vectors; the largest is 0."""
        with self.making:
            if self.clusters is None:
                most = len(np.unique(self.collection.vectors, axis=0))
                if most < 2:
                    raise UsageError("all vectors are the same: there are no clusters")
                self.clusters = find_clusters(self.collection.vectors, Clustering(k=min(CLUSTERS, most))).of
        return {"cluster": self.clusters[self.shown(by)].tolist()}

    def shown(self, by: Layout) -> list[int]:
        """The rows of the clips that a map has."""
        return spread(MOST_POINTS[by], len(self.collection.clips))
