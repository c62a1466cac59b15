from dataclasses import replace

from kinema import pretrain, recipes
from kinema.probing import alarm
from kinema.settings import Backbone, Clip, Optim, Train

COLLAPSING = replace(
    recipes.get("tiny_cmc"),
    backbone=Backbone("r3d_vcop", width=1 / 16),
    clip=Clip(frames=4, stride=2, size=32),
    optim=Optim(lr=1.0, momentum=0, weight_decay=0.999, schedule="constant"),
    train=Train(epochs=1, batch_size=4, workers=0, device="cpu", probe_every=1),
)
"""A thousandth of each weight is left after a step, so that all features become one."""


def test_alarm_is_for_features_that_are_nearly_one_and_no_others():
    assert alarm({"probe/feature_std": 0.03}) is None
    assert "a spread of 0.0012" in alarm({"probe/feature_std": 0.0012})


def test_training_says_that_it_has_collapsed(clip_folder, tmp_path):
    said = []
    pretrain(COLLAPSING, data=clip_folder, out=tmp_path / "run", say=said.append)
    assert sum("training has collapsed" in line for line in said) == 1
