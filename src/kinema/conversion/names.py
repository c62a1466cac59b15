"""Tensor names of other repositories as they are here; each function takes a name below the backbone's prefix.

A name that belongs to no tensor of the backbone comes back as something that is none of its names either.
"""

from __future__ import annotations

import re


def bare(name: str) -> str:
    """Without `module.`, which data-parallel training puts in front, twice where one wrapper is around another."""
    while name.startswith("module."):
        name = name.removeprefix("module.")
    return name


def same(name: str) -> str:
    """For code that kinema shares its names with."""
    return name


def numbered(name: str) -> str:
    """torchvision's ResNets by the number of their children: 0 is the stem, 1 to 4 are the stages (PCL, IICv2)."""
    number, _, rest = name.partition(".")
    return f"stem.{rest}" if number == "0" else f"layer{number}.{rest}"


def prp_c3d(name: str) -> str:
    """PRP's C3D: `conv3_1.conv3d.0.weight` is `conv3a.weight`, and `conv3_1.conv3d.1.weight` is `bn3a.weight`."""
    match = re.fullmatch(r"conv(\d)(?:_([12]))?\.conv3d\.([01])\.(\w+)", name)
    if match is None:
        return name
    stage, which, part, tensor = match.groups()
    return f"{'conv' if part == '0' else 'bn'}{stage}{ {None: '', '1': 'a', '2': 'b'}[which] }.{tensor}"


S3D_PLACES = {
    "Conv_1a": 0,
    "Conv_2b": 2,
    "Conv_2c": 3,
    "Mixed_3b": 5,
    "Mixed_3c": 6,
    "Mixed_4b": 8,
    "Mixed_4c": 9,
    "Mixed_4d": 10,
    "Mixed_4e": 11,
    "Mixed_4f": 12,
    "Mixed_5b": 14,
    "Mixed_5c": 15,
}
"""The parts of CoCLR's S3D by their number in `features`."""
S3D_TWICE = {
    "block1": ("Conv_1a",),
    "block2": ("", "Conv_2b", "Conv_2c"),
    "block3": ("", "Mixed_3b", "Mixed_3c"),
    "block4": ("", "Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"),
    "block5": ("", "Mixed_5b", "Mixed_5c"),
}
"""Each part is registered a second time, in a block; poolings have no tensors."""


def s3d_of_coclr(name: str) -> str:
    """CoCLR's S3D, whose parts go by two names: `Mixed_3b.branch1.1.conv2.weight` and `block3.1.branch1.1.conv2.weight`
    are both `features.5.branch1.1.1.0.weight`."""
    part, _, rest = name.partition(".")
    if part in S3D_TWICE:
        number, _, rest = rest.partition(".")
        places = S3D_TWICE[part]
        part = places[int(number)] if number.isdecimal() and int(number) < len(places) else ""
    if part not in S3D_PLACES:
        return name
    # conv1, bn1, conv2 and bn2 are of a separable convolution, conv and bn of a plain one.
    rest = re.sub(r"\b(conv|bn)([12])\.", lambda m: f"{int(m[2]) - 1}.{'01'[m[1] == 'bn']}.", rest)
    rest = re.sub(r"\b(conv|bn)\.", lambda m: f"{'01'[m[1] == 'bn']}.", rest)
    rest = re.sub(r"^branch0\.0\.", "branch0.", rest)
    return f"features.{S3D_PLACES[part]}.{rest}"
