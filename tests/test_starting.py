"""What a run takes over from others, of every method."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent / "methods"))
from cases import CASES, VIDEOS, build

from kinema.data.video import Video
from kinema.engine import checkpoint
from kinema.errors import UsageError
from kinema.frozen import FrozenCopy
from kinema.meta import OtherStatistics
from kinema.momentum import MomentumCopy
from kinema.starting import begun, sources_of

CLIPS = [Video(f"{number}.mp4") for number in range(VIDEOS)]


def saved(recipe, path, seed=1):
    """A checkpoint of the recipe's method with other weights than seed 0 gives, and its method."""
    recipe = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, seed=seed))
    method = build(recipe)
    kept = json.loads(json.dumps(dataclasses.asdict(recipe)))
    checkpoint.save(checkpoint.Checkpoint(kept, {}, 0, method.state_dict(), {}, {}), path)
    return method


@pytest.mark.parametrize("name", CASES)
def test_a_run_begins_with_the_backbone_of_another_and_so_do_its_copies(name, tmp_path):
    other = saved(CASES["cmc"], tmp_path / "other.pt").backbone
    method = begun(CASES[name], CLIPS, tmp_path / "other.pt")
    weights = dict(other.named_parameters())
    assert all(torch.equal(value, weights[key]) for key, value in method.backbone.named_parameters())
    copies = [module for module in method.modules() if isinstance(module, MomentumCopy)]
    of_backbone = [copy for copy in copies if set(copy.weights()) == set(weights)]
    assert len(of_backbone) == (1 if copies else 0)
    for copy in of_backbone:
        assert all(torch.equal(value, weights[key]) for key, value in copy.weights().items())
    fresh = build(CASES[name]).state_dict()
    kinds = (MomentumCopy, FrozenCopy, OtherStatistics)
    parts = [f"{part}." for part, module in method.named_modules() if isinstance(module, kinds)]
    rest = {key: value for key, value in method.state_dict().items() if not key.startswith(("backbone.", *parts))}
    assert all(torch.equal(value, fresh[key]) for key, value in rest.items())


@pytest.mark.parametrize("change", [{"name": "r2plus1d_vcop"}, {"width": 0.125}])
def test_weights_of_another_backbone_are_refused_with_the_flags_that_would_take_them(change, tmp_path):
    case = CASES["cmc"]
    other = dataclasses.replace(case, backbone=dataclasses.replace(case.backbone, **change))
    saved(other, tmp_path / "other.pt")
    with pytest.raises(UsageError) as said:
        begun(case, CLIPS, tmp_path / "other.pt")
    there = other.backbone
    assert str(said.value).endswith(f": give --backbone.name {there.name} --backbone.width {there.width:g}")
    assert f"it is a {there.name} x {there.width:g}, where this run has a {case.backbone.name} x" in str(said.value)


def test_coclr_goes_on_with_the_projection_of_coclr(tmp_path):
    other = saved(CASES["coclr"], tmp_path / "other.pt").projection.state_dict()
    method = begun(CASES["coclr"], CLIPS, tmp_path / "other.pt")
    assert all(torch.equal(value, other[key]) for key, value in method.projection.state_dict().items())
    assert all(torch.equal(value, other[key]) for key, value in method.key_projection.weights().items())


def test_videos_of_one_group_are_of_one_source_and_others_are_by_themselves():
    groups = ["", "a", "b", "a", "", "b", "a"]
    assert sources_of([Video("x.mp4", group=group) for group in groups]).tolist() == [0, 1, 2, 1, 4, 2, 1]
