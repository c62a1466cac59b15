"""Labels as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from kinema.data.skip import AS_NAMED, absolute
from kinema.serve.collection import Collection
from kinema.serve.probe import Probe

HEADER = ("path", "label", "start", "end", "id", "given", "share")


def csv_of(collection: Collection, labels: Mapping[int, str], guesses: Probe | None) -> bytes:
    """A row for each clip that was labelled and, with guesses, for each other one, surest first.

    `given` is yes or no; `share` is how sure the probe is of a guess. Paths are absolute, so that the file can be
    given to `--data` from anywhere.
    """
    rows = [(row, label, "yes", "") for row, label in labels.items()]
    if guesses is not None:
        others = [(row, *guesses.best(row)) for row in range(len(collection.clips)) if row not in labels]
        others.sort(key=lambda each: -each[2])
        rows += [(row, label, "no", f"{share:.4f}") for row, label, share in others]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for row, label, given, share in rows:
        clip = collection.clips[row]
        writer.writerow([absolute(clip.path), label, f"{clip.start:.3f}", f"{clip.end:.3f}", clip.id, given, share])
    return text.getvalue().encode(errors=AS_NAMED)
