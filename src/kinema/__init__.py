"""kinema learns video representations without labels and measures what they are worth.

```python
import kinema

run, _ = kinema.pretrain("tiny_mcn", data="videos/", out="runs/mcn")
kinema.load(run.folder).embed("clip.mp4")  # float32 [D], unit length
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"
__all__ = ["load", "pretrain", "search"]

if TYPE_CHECKING:
    from kinema import search
    from kinema.loading import load
    from kinema.pretraining import pretrain


def __getattr__(name: str) -> Any:
    """What is public, imported when first asked for: it needs torch, which is slow to import."""
    if name == "pretrain":
        from kinema.pretraining import pretrain

        return pretrain
    if name == "load":
        from kinema.loading import load

        return load
    if name == "search":
        return import_module("kinema.search")
    raise AttributeError(f"module 'kinema' has no attribute '{name}'")
