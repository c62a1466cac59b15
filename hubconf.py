"""For `torch.hub`: trained encoders of an exported folder or of the Hugging Face Hub, and every backbone by its name.

```python
encoder = torch.hub.load("OWNER/kinema", "encoder", "exported/mcn")       # a folder, or OWNER/NAME on the Hub
network = torch.hub.load("OWNER/kinema", "r3d_18", weights="exported/mcn")  # its backbone alone
network = torch.hub.load("OWNER/kinema", "r2plus1d_18", width=0.25)         # fresh weights
```
"""

import sys
from pathlib import Path

dependencies = ["av", "numpy", "packaging", "PIL", "rich", "simplejpeg", "torch", "tyro"]

# torch.hub runs this file in a checkout of the repository, where kinema need not be installed.
sys.path.insert(0, str(Path(__file__).parent / "src"))

from kinema.backbones import BACKBONES as _BACKBONES  # noqa: E402
from kinema.backbones import build as _build  # noqa: E402
from kinema.errors import UsageError as _UsageError  # noqa: E402


def encoder(source, view=None, revision=None):
    """A trained encoder: `kinema.Encoder.from_pretrained(source, view=view, revision=revision)`."""
    from kinema.loading import VideoEncoder

    return VideoEncoder.from_pretrained(source, view=view, revision=revision)


def _entry(name):
    def entry(weights=None, width=None):
        if weights is None:
            return _build(name, 1.0 if width is None else width)
        from kinema.exported.hub import local
        from kinema.loading import trained

        found = trained(local(weights))
        if found.architecture != name or width not in (None, found.width):
            asked = name if width is None else f"{name} at width {width:g}"
            raise _UsageError(
                f"{weights} holds {found.architecture} at width {found.width:g}, and {asked} was asked for"
            )
        return found.backbone().eval()

    entry.__name__ = name
    entry.__doc__ = f"""{_BACKBONES[name].description}, without a classifier.

    Args:
        weights: an exported folder, a run, or OWNER/NAME on the Hugging Face Hub; fresh weights without it.
        width: multiplies every channel count.
    """
    return entry


globals().update({name: _entry(name) for name in _BACKBONES})
