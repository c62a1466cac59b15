"""What the server of reading processes imports before it forks any: the loader, and the decoder that is tried first.

A process then starts in milliseconds instead of importing torch and FFmpeg for itself.
"""

from kinema.data import loader, read_pyav

__all__ = ["loader", "read_pyav"]
