"""Which frames make a clip and which videos make a batch: integers in, indices out.

Nothing here opens a video or touches a pixel. What most methods draw is here by name; the drawings of one or two
methods are in files of their own: `pairs`, `rows`, `pieces`, `paces`, `speeds`, `playback` and `stretches`.
"""

from kinema.sampler.batches import (
    Split,
    check_batch_size,
    check_ranks,
    epoch_batches,
    look_alikes,
    shuffled,
    support_query,
)
from kinema.sampler.clips import (
    Blocks,
    Drawing,
    OneOrTwoClips,
    RandomClip,
    RandomClips,
    Reaching,
    clip_at,
    random_clip,
    uniform_clips,
)

__all__ = [
    "Blocks",
    "Drawing",
    "OneOrTwoClips",
    "RandomClip",
    "RandomClips",
    "Reaching",
    "Split",
    "check_batch_size",
    "check_ranks",
    "clip_at",
    "epoch_batches",
    "look_alikes",
    "random_clip",
    "shuffled",
    "support_query",
    "uniform_clips",
]
