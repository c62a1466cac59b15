"""Exported folders on the Hugging Face Hub, by way of huggingface_hub; nothing else in kinema reaches for a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from kinema.engine.checkpoint import first_line
from kinema.errors import KinemaError, UsageError
from kinema.exported import config, folder

FILES = (config.NAME, "README.md", config.WEIGHTS, config.STATISTICS, "model.onnx", "model.pt2")
"""What is sent; anything else in a folder stays at home."""
NEEDED = (config.NAME, config.WEIGHTS, config.STATISTICS)
"""What is fetched."""
NAME = r"[\w.-]+/[\w.-]+"
"""Of a model on the Hub."""


def library() -> Any:
    """huggingface_hub.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise UsageError("models on the Hugging Face Hub need a package: pip install 'kinema[hub]'") from None
    return huggingface_hub


def failures(hub: Any) -> tuple[type[Exception], ...]:
    """What huggingface_hub raises where a name, a right or a connection is wrong: errors of its own, and of files."""
    own = (kind for kind in vars(hub.errors).values() if isinstance(kind, type) and issubclass(kind, Exception))
    return (*own, OSError, ValueError)


def local(source: str | Path, revision: str | None = None) -> Path:
    """The folder that is meant: the one of this name, or a model on the Hub, which is fetched, or taken from the cache.

    Raises:
        UsageError: there is neither.
    """
    path = Path(source)
    if path.exists():
        if revision is not None:
            raise UsageError(f"{path} is a folder here, which has no revision {revision}: drop it")
        return path
    if not re.fullmatch(NAME, str(source)):
        raise UsageError(f"{source}: no such folder, and no OWNER/NAME of a model on the Hugging Face Hub either")
    hub = library()
    try:
        return Path(hub.snapshot_download(str(source), revision=revision, allow_patterns=list(NEEDED)))
    except failures(hub) as problem:
        raise UsageError(
            f"{source}: no such folder here, and the Hub does not give it ({first_line(problem)}): check the name, the "
            "connection, and `hf auth whoami` if it is private"
        ) from problem


def check_name(name: str) -> None:
    """See that a model can be sent under a name.

    Raises:
        UsageError: it is no name, or huggingface_hub is not installed.
    """
    if not re.fullmatch(NAME, name):
        raise UsageError(f"'{name}' is no name of a model on the Hub: give OWNER/NAME")
    library()


def push_to_hub(exported: str | Path, name: str, *, private: bool | None = None, message: str | None = None) -> str:
    """Send an exported folder to the Hugging Face Hub, as whoever is logged in there (`hf auth login`, or HF_TOKEN).

    Args:
        exported: a folder that `kinema export` made; it is read first, as strictly as for use.
        name: OWNER/NAME of the model, which is made if it is not there.
        private: whether others cannot see it, where it is made; `None` is as the owner's settings on the Hub have it.
        message: of the commit.

    Returns:
        The address of the commit.

    Raises:
        UsageError: the folder is damaged or no exported one, or the name is none.
        KinemaError: the Hub refuses.
    """
    path = Path(exported)
    if not folder.is_exported(path):
        raise UsageError(f"{path} is no exported folder: make one with `kinema export`")
    check_name(name)
    folder.read(path)
    hub = library()
    try:
        api = hub.HfApi()
        api.create_repo(name, private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=name,
            folder_path=path,
            allow_patterns=list(FILES),
            commit_message=message or "Export with kinema",
        )
    except failures(hub) as problem:
        raise KinemaError(
            f"the Hub does not take {path} as {name} ({first_line(problem)}): see `hf auth whoami`"
        ) from problem
    return str(done)
