"""kinema learns video representations without labels and measures what they are worth."""

__version__ = "0.1.0.dev0"
