"""What the server of reading processes imports before it forks any: the loader, and the decoder that is tried first.

A process then starts in milliseconds instead of importing torch and FFmpeg for itself.
"""

from kinema.data import loader, read_pyav
from kinema.data.decode import DECODERS, why_not

__all__ = ["loader", "read_pyav"]

why_not(DECODERS[0])  # imports it, where it is installed; an import that fails in its own way must not end the server
