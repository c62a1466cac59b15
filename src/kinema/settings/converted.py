"""What is known of a network that was trained elsewhere: where its weights come from, and how it is shown a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.settings.method import MethodSettings, Pixels


@dataclass(frozen=True)
class Converted(MethodSettings):
    """In the place of a method's settings, for weights that `kinema convert` took from another repository's file."""

    name: Literal["converted"] = "converted"
    family: str = ""
    """The repository that wrote the file, as `kinema convert --from` names it."""
    repository: str = ""
    """Its owner and name."""
    file: str = ""
    """The file's name."""
    sha256: str = ""
    """Of the file."""
    left: tuple[str, ...] = ()
    """Tensors of the backbone that were not in the file and were left as a fresh network has them."""
    normalise: Literal["unit", "imagenet", "kinetics", "slowfast"] = "unit"
    """How the repository shows pixels to its networks."""

    @property
    def pixels(self) -> Pixels:
        """As the repository does; IIC's residual is signed and wraps (`kinema.views.residual`), others have Eq. 1's."""
        if self.family == "iic":
            return Pixels(self.normalise, last_residual="wrap", residual="signed")
        return Pixels(self.normalise)
