"""kinema learns video representations without labels and measures what they are worth.

```python
import kinema

run, _ = kinema.pretrain("tiny_mcn", data="videos/", out="runs/mcn")
kinema.load(run.folder).embed("clip.mp4")  # float32 [D], unit length
kinema.export(run.folder, "exported/mcn")  # for others, who say kinema.Encoder.from_pretrained("exported/mcn")
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"
__all__ = ["Encoder", "export", "load", "pretrain", "push_to_hub", "search"]

if TYPE_CHECKING:
    from kinema import search
    from kinema.exported.hub import push_to_hub
    from kinema.exporting import export
    from kinema.loading import VideoEncoder as Encoder
    from kinema.loading import load
    from kinema.pretraining import pretrain

PLACES = {
    "Encoder": ("kinema.loading", "VideoEncoder"),
    "export": ("kinema.exporting", "export"),
    "load": ("kinema.loading", "load"),
    "pretrain": ("kinema.pretraining", "pretrain"),
    "push_to_hub": ("kinema.exported.hub", "push_to_hub"),
}
"""What is public: its module and its name there."""


def __getattr__(name: str) -> Any:
    """What is public, imported when first asked for: it needs torch, which is slow to import."""
    if name == "search":
        return import_module("kinema.search")
    if name not in PLACES:
        raise AttributeError(f"module 'kinema' has no attribute '{name}'")
    module, own = PLACES[name]
    return getattr(import_module(module), own)
