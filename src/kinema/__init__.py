"""kinema learns video representations without labels and measures what they are worth.

```python
import kinema

run, _ = kinema.pretrain("tiny_mcn", data="videos/", out="runs/mcn")
kinema.load(run.folder).embed("clip.mp4")  # float32 [D], unit length
```
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"
__all__ = ["load", "pretrain"]

if TYPE_CHECKING:
    from kinema.loading import load
    from kinema.pretraining import pretrain


def __getattr__(name: str) -> Any:
    """The public functions, imported when first asked for: they need torch, which is slow to import."""
    if name == "pretrain":
        from kinema.pretraining import pretrain

        return pretrain
    if name == "load":
        from kinema.loading import load

        return load
    raise AttributeError(f"module 'kinema' has no attribute '{name}'")
