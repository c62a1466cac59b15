"""Methods whose label is how a clip lies in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.settings.method import MethodSettings


@dataclass(frozen=True)
class RotNet(MethodSettings):
    """3D-RotNet: by how many right angles a clip has been turned."""

    name: Literal["rotnet"] = "rotnet"
