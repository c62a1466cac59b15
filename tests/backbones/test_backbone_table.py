"""The table of backbones and `build`, which must work before torch is there."""

import subprocess
import sys

import pytest
import torch

from kinema.backbones import ALIASES, BACKBONES, build, resolve
from kinema.errors import UsageError


def test_listing_backbones_does_not_import_torch():
    code = (
        "import sys; from kinema.backbones import BACKBONES, resolve; resolve('r21d');"
        "print(len(BACKBONES), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["11", "False"]


def test_every_backbone_has_a_one_line_description_and_can_be_built():
    for name, listed in BACKBONES.items():
        assert "\n" not in listed.description and 20 < len(listed.description) < 100
        assert build(name, 1 / 32).feature_dim > 0


def test_descriptions_quote_the_real_parameter_count_and_feature_length():
    for name, listed in BACKBONES.items():
        with torch.device("meta"):
            net = build(name)
        millions = sum(p.numel() for p in net.parameters()) / 1e6
        assert f"{millions:.1f} M parameters, {net.feature_dim}-d" in listed.description


def test_settings_name_exactly_the_backbones_that_exist():
    from kinema.settings import Backbone

    assert Backbone().name in BACKBONES


@pytest.mark.parametrize(
    ("alias", "name"), [("r3d", "r3d_18"), ("R(2+1)D", "r2plus1d_18"), ("r21d_vcop", "r2plus1d_vcop")]
)
def test_usual_spellings_are_understood(alias, name):
    assert resolve(alias) == name


def test_aliases_neither_hide_a_name_nor_lead_nowhere():
    assert not set(ALIASES) & set(BACKBONES)
    assert set(ALIASES.values()) <= set(BACKBONES)


def test_unknown_name_is_a_one_line_usage_error_that_names_the_nearest():
    with pytest.raises(
        UsageError, match=r"unknown backbone 'r3d_19'; did you mean 'r3d_18'\? known: r3d_18, .*s3d"
    ) as caught:
        build("r3d_19")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan"), float("inf")])
def test_width_that_is_not_a_positive_number_is_a_usage_error(width):
    with pytest.raises(UsageError, match=r"backbone width is .*; give a positive number"):
        build("r3d_18", width)


def test_weights_depend_on_the_global_seed_alone():
    torch.manual_seed(5)
    first = build("s3d", 1 / 16).state_dict()
    torch.manual_seed(5)
    second = build("s3d", 1 / 16).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
