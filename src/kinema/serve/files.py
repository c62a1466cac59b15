"""Which files may be opened: those of the index, where they really are, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kinema.data import store
from kinema.errors import DataError
from kinema.serve.collection import Clip, Collection


class Files:
    """The folders that a clip's file must lie in once links are followed."""

    def __init__(self, collection: Collection, allowed: Sequence[str | Path] = ()) -> None:
        place = Path(collection.place)
        below = {Path(clip.path).absolute().parent for clip in collection.clips} if place == place.parent else {place}
        self.roots = {root.resolve() for root in (*below, *(Path(path) for path in allowed))}

    def path(self, clip: Clip) -> Path:
        """A clip's file, or folder of frames.

        Raises:
            DataError: it is gone, or a link leads out of the data.
        """
        path = Path(clip.path)
        if not store.is_there(path):
            raise DataError(f"{path.name} is not there any more: embed the videos anew")
        for each in (path, *(sorted(path.iterdir()) if path.is_dir() else ())):
            if not any(each.resolve().is_relative_to(root) for root in self.roots):
                raise DataError(
                    f"{path.name} is a link that leads out of the data, and is not shown: start with --allow FOLDER"
                )
        return path
