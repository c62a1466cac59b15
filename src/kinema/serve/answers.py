"""What is answered. All of it is JSON or pictures; clips are named by their ids alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinema.errors import KinemaError, UsageError
from kinema.serve import export
from kinema.serve.collection import Clip, Collection
from kinema.serve.maps import Maps
from kinema.serve.network import Network
from kinema.serve.page import FILES, KINDS
from kinema.serve.previews import Previews
from kinema.serve.probe import probe
from kinema.serve.runs import runs_told
from kinema.serve.upload import with_upload

MOST_CLIPS = 500
"""That are listed at a time."""
LONGEST_LABEL = 100
AT_ONCE = 2
"""Files that are read at the same time, pictures and uploads each."""


class Missing(KinemaError):  # noqa: N818 - named for what happened
    """There is nothing by that name."""


class Served:
    """What the addresses of the application answer."""

    def __init__(
        self,
        collection: Collection,
        previews: Previews,
        network: Network | None,
        *,
        why_no_network: str,
        runs: Sequence[Path],
        upload_bytes: int,
        uploads: Path,
    ) -> None:
        self.collection = collection
        self.previews = previews
        self.network = network
        self.why_no_network = why_no_network
        self.runs = runs
        self.upload_bytes = upload_bytes
        self.uploads = uploads
        self.drawing = asyncio.Semaphore(AT_ONCE)
        self.looking = asyncio.Semaphore(AT_ONCE)
        self.maps = Maps(collection)

    def about(self) -> dict[str, Any]:
        """What the page must know at first."""
        index = self.collection.index
        return {
            "name": index.vectors.folder.resolve().name,
            "digest": index.about.vectors,  # of those that are shown, whatever has become of the folder
            "run": Path(index.run).name,
            "clips": len(self.collection.clips),
            "labels": self.collection.labels,
            "network": self.network is not None,
            "why": self.why_no_network,
            "runs": len(self.runs),
            "upload_bytes": self.upload_bytes,
        }

    def clips(self, label: str = "", offset: int = 0, count: int = 60) -> dict[str, Any]:
        """Some clips in the order of the list that was embedded."""
        rows = self.collection.labelled(label)
        some = rows[max(offset, 0) :][: within(count)]
        return {"total": len(rows), "clips": [self.told(self.collection.clips[row]) for row in some]}

    def near(self, id: str, label: str = "", count: int = 60) -> dict[str, Any]:
        """The clips that are like one, without it."""
        row = self.row(id)
        found = self.collection.nearest(self.collection.vectors[row], within(count) + 1, label)
        others = [self.told(clip, cosine) for clip, cosine in found if clip.id != id][: within(count)]
        return {"query": self.told(self.collection.clips[row]), "clips": others}

    async def search(self, request: Any) -> Any:
        """The clips that are like the video in the request's body."""
        from fastapi.responses import JSONResponse

        network, given = self.needed(), request.query_params
        label, count = given.get("label", ""), within(int(given.get("count", "60")))
        self.collection.labelled(label)  # refused before anything is sent
        async with self.looking:
            vector, left_out = await with_upload(
                request.stream(),
                request.headers.get("content-length"),
                self.upload_bytes,
                lambda path: network.vector(path, called="the video"),
                folder=self.uploads,
            )
        found = await asyncio.to_thread(self.collection.nearest, vector, count, label)
        return JSONResponse({"clips": [self.told(clip, cosine) for clip, cosine in found], "left_out": left_out})

    async def picture(self, id: str, kind: str) -> Any:
        """A clip's picture: still, moving, or with the network's attention."""
        from fastapi import Response

        clip = self.collection.clips[self.row(id)]
        if kind not in ("still", "moving", "attention"):
            raise Missing(f"a clip has no picture of the kind '{kind[:20]}'")
        kept = await asyncio.to_thread(self.previews.kept, clip, self.state(kind))
        if not kept.exists():
            async with self.drawing:
                if not kept.exists():  # another request may have made it meanwhile
                    await asyncio.to_thread(self.draw, clip, kind)
        content = await asyncio.to_thread(kept.read_bytes)
        return Response(content, media_type="image/webp", headers={"cache-control": "private, max-age=600"})

    def state(self, kind: str) -> str:
        """What a kept picture is of: attention is that of one network."""
        return f"attention-{self.collection.index.vectors.weights}" if kind == "attention" else kind

    def draw(self, clip: Clip, kind: str) -> None:
        """Make a clip's picture and keep it."""
        if kind == "attention":
            content = self.needed().attention(clip, self.previews.files.path(clip))
            self.previews.keep(clip, self.state(kind), content)
        else:
            self.previews.make(clip)

    def chosen(self, ids: list[str]) -> dict[str, Any]:
        """Some clips by their ids, in that order."""
        return {"clips": [self.told(self.collection.clips[self.row(id)]) for id in ids[:MOST_CLIPS]]}

    def fitted(self, labels: dict[str, str]) -> dict[str, Any]:
        """What a linear probe of the clips that were labelled says of the others, surest first."""
        given = self.given(labels)
        found = probe(self.collection.vectors, given)
        said = [(row, *found.best(row)) for row in range(len(self.collection.clips)) if row not in given]
        said.sort(key=lambda each: -each[2])
        told = [
            self.told(self.collection.clips[row]) | {"guess": label, "share": round(share, 4)}
            for row, label, share in said
        ]
        return {"clips": told, "classes": found.classes, "tried": found.tried, "right": found.right}

    def exported(self, labels: dict[str, str], guesses: bool = False) -> Any:
        """The labels as a CSV file that `--data` takes; with what the probe says of the others, if asked for."""
        from fastapi import Response

        given = self.given(labels)
        content = export.csv_of(self.collection, given, probe(self.collection.vectors, given) if guesses else None)
        told = {"content-disposition": 'attachment; filename="labels.csv"'}
        return Response(content, media_type="text/csv; charset=utf-8", headers=told)

    def compared(self) -> dict[str, Any]:
        """Curves and result tables of the runs."""
        return runs_told(self.runs)

    def file(self, name: str = "index.html") -> Any:
        """A file of the page."""
        from fastapi import Response

        if name not in FILES:
            raise Missing("there is no such page")
        kind = KINDS[name.rpartition(".")[2]]
        return Response(FILES[name], media_type=kind, headers={"cache-control": "no-cache"})

    def given(self, labels: dict[str, str]) -> dict[int, str]:
        """Labels that a person gave, by row.

        Raises:
            UsageError: one of them is none.
        """
        for label in set(labels.values()):
            if not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
                raise UsageError(f"'{label[:20]}' is no label: give 1 to {LONGEST_LABEL} signs")
        return {self.row(id): label.strip() for id, label in labels.items()}

    def row(self, id: str) -> int:
        """A clip's row."""
        if id not in self.collection.rows:
            raise Missing("there is no such clip in the index")
        return self.collection.rows[id]

    def needed(self) -> Network:
        """The network, or why there is none."""
        if self.network is None:
            raise UsageError(self.why_no_network)
        return self.network

    def told(self, clip: Clip, cosine: float | None = None) -> dict[str, Any]:
        """A clip as the page has it; where its file is, the page does not learn."""
        own = {"id": clip.id, "name": self.collection.name(clip), "start": clip.start, "end": clip.end}
        return own | {"label": clip.label} | ({} if cosine is None else {"cosine": round(cosine, 4)})


def within(count: int) -> int:
    """A number of clips as asked for, as far as it is sensible."""
    return min(max(count, 1), MOST_CLIPS)
