"""The numbers of recipes at their papers' size, against those of the papers and of their code, copied by hand.

Each line says where it is from. Methods of MCN's own tables are in `test_recipes.py`.
"""

from dataclasses import asdict
from math import isclose

import pytest

from kinema import recipes
from kinema.engine.optim import learning_rate

STEPS = 1000
"""Of an epoch; more, so that falls of the rate are found where they are."""

COLOURS = {"jitter": 0.8, "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "grey": 0.2, "blur": 0.5}
NOTHING_BUT_A_CROP = {"flip": 0, "jitter": 0, "grey": 0, "blur": 0, "crop_aspect": (1, 1)}
SLOWFAST = {"brightness": 0.6, "contrast": 0.6, "saturation": 0.6, "hue": 0.15, "crop_area": (0.2, 0.766), "grey": 0.2}
EVERY_FRAME = {"jitter": 1, "brightness": 0.5, "contrast": 0.5, "saturation": 0.5, "hue": 0.25, "blur": 0}
CVRL = {"brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2, "jitter": 0.8, "grey": 0.2, "flip": 0.5}
BANK = {"negatives": 1024, "temperature": 0.07, "bank_momentum": 0.5, "form": "softmax", "directions": "both"}
DUALVAR = {"segments": 2, "temperature": 0.07, "rank_temperature": 0.05, "backwards": 0.5, "coherence": 1, "rank": 1}
COCLR = {"temperature": 0.07, "momentum": 0.999, "dim": 128, "queue": 2048, "projection": "mlp"}

SIZES = {  # optimiser, rate, weight decay, epochs, batch, frames, stride, pixels
    "simclr": ("sgd", 0.32, 1e-6, 200, 1024, 16, 2, 224),  # CVRL, section 4 and its code
    "iic": ("sgd", 0.01, 1e-4, 240, 16, 16, 1, 112),  # train_ssl.py
    "dualvar": ("sgd", 0.003, 1e-4, 200, 64, 16, 4, 112),  # scripts: 8 videos on each of 8 GPUs
    "moco": ("adam", 1e-3, 1e-5, 300, 64, 32, 1, 128),  # CoCLR, main_nce.py: 32 on each of 2 GPUs
    "moco_kinetics": ("sgd", 0.1, 1e-4, 200, 64, 8, 8, 224),  # MoCo_SlowR50_8x8.yaml
    "byol": ("lars", 0.6, 1e-6, 200, 64, 8, 8, 224),  # BYOL_SlowR50_8x8.yaml
    "swav": ("lars", 0.6, 1e-6, 200, 64, 8, 8, 224),
    "coclr": ("adam", 1e-3, 1e-5, 100, 64, 32, 1, 128),  # main_coclr.py
    "rspnet": ("sgd", 0.1, 1e-4, 200, 64, 16, 1, 112),  # moco-train-base.jsonnet
    "dpc": ("adam", 1e-3, 1e-5, 500, 64, 40, 3, 128),  # its issue 20; of a batch of 128 one GPU's half
    "memdpc": ("adam", 1e-3, 1e-5, 200, 16, 40, 3, 224),
    "tclr": ("adam", 1e-3, 1e-9, 400, 40, 16, 4, 112),  # parameters.py, but for the epochs, which are ours
    "pcl": ("sgd", 0.01, 5e-4, 200, 16, 16, 1, 112),  # train_vcp_contrast.py
}
FALLS = {  # after which epochs the rate falls, and to what share
    "iic": ([45, 90, 125, 160], 0.2),
    "dualvar": ([120, 160], 0.1),
    "moco": ([250, 280], 0.1),
    "coclr_infonce": ([250, 280], 0.1),
    "coclr": ([80], 0.1),
    "dpc": ([300, 400], 0.1),
    "memdpc": ([120, 160], 0.1),
    "pcl": ([], 0.1),
}
CLIMBS = {"simclr": 5, "moco_kinetics": 35, "byol": 35, "swav": 35, "tclr": 5, "rspnet": 0}
"""Epochs in which the rate climbs, before it falls by half a cosine."""
METHODS = {
    "simclr": {"temperature": 0.1, "dim": 128, "projection": "mlp3_bn"},
    "iic": {"contrast": BANK, "views": {"projection": "none", "unit_length": False, "last_residual": "wrap"}},
    "iic_shuffle": {"contrast": BANK, "intra": "shuffle", "views": {"second": "flow"}},
    "dualvar": DUALVAR | {"rank_limit": 5, "dim": 128, "segment_dim": 64, "base": "simclr", "normalise": "imagenet"},
    "dualvar_moco": DUALVAR | {"rank_limit": None, "momentum": 0.999, "base": "moco"},
    "moco": COCLR | {"clips": "one_or_two", "symmetric": False, "fill_first": False, "rising": False},
    "moco_kinetics": {"temperature": 0.1, "queue": 65536, "momentum": 0.994, "rising": True, "fill_first": True},
    "byol": {"momentum": 0.996, "hidden": 4096, "dim": 256},
    "swav": {"prototypes": 1000, "temperature": 0.1, "epsilon": 0.05, "iterations": 3, "frozen_epochs": 1, "dim": 128},
    "coclr": COCLR | {"top": 5, "skip_own": 0.9, "siblings": True, "stream": "rgb"},
    "rspnet": {"temperature": 0.07, "momentum": 0.999, "queue": 16384, "margin": 2, "dim": 128, "projection": "linear"},
    "dpc": {"blocks": 8, "block_frames": 5, "block_stride": 3, "predicted": 3, "dropout": 0.1},
    "memdpc": {"blocks": 8, "block_frames": 5, "block_stride": 3, "predicted": 3, "slots": 1024},
    "tclr": {"frames": 16, "parts": 4, "dense_stride": 1, "temperature": 0.1, "dim": 128},
    "pcl": {"contrast": BANK, "weight": 0.5, "dim": 128, "cloze": {"clips": 3, "frames": 16, "stride": 1, "gap": 8}},
}
LOOKS = {
    "simclr": CVRL | {"crop_area": (0.3, 1), "crop_aspect": (0.5, 2)},
    "iic": NOTHING_BUT_A_CROP,
    "dualvar": {"flip": 0, "grey": 0, "jitter": 0.64, "brightness": 0.8, "hue": 0.2, "blur": 0.5},
    "moco": COLOURS | {"crop_area": (0.2, 1), "flip": 0.5},
    "coclr": COLOURS | {"crop_area": (0.2, 1), "flip": 0.5},
    "moco_kinetics": SLOWFAST,
    "byol": SLOWFAST,
    "swav": SLOWFAST,
    "rspnet": {"jitter": 1, "brightness": 0.4, "hue": 0.4, "grey": 0.2, "blur": 0, "flip": 0.5, "crop_area": (0.4, 1)},
    "dpc": EVERY_FRAME | {"grey": 0.5, "flip": 0.5},
    "memdpc": EVERY_FRAME | {"grey": 0.25, "flip": 0.5},
    "pcl": COLOURS | {"flip": 0.5},
}


def rates(name):
    """The rate at the first step of each epoch and at the last of the run, as shares of the highest."""
    recipe = recipes.get(name)
    steps = STEPS * recipe.train.epochs
    return [learning_rate(recipe.optim, step, steps) / recipe.optim.lr for step in [*range(0, steps, STEPS), steps - 1]]


def assert_has(found, wanted):
    """Every number of `wanted`, which may be nested, is in the settings."""
    for name, value in wanted.items():
        if isinstance(value, dict):
            assert_has(found[name], value)
        else:
            assert found[name] == value, name


@pytest.mark.parametrize("name", SIZES)
def test_a_recipe_trains_as_its_source_does(name):
    recipe = recipes.get(name)
    optim, train, clip = recipe.optim, recipe.train, recipe.clip
    found = (optim.name, optim.lr, optim.weight_decay, train.epochs, train.batch_size)
    assert (*found, clip.frames, clip.stride, clip.size) == SIZES[name]
    assert optim.momentum == 0.9  # of Adam, its first beta
    assert optim.clip_grad is None


@pytest.mark.parametrize("name", FALLS)
def test_the_rate_falls_after_the_epochs_of_its_source(name):
    epochs, share = FALLS[name]
    course = rates(name)
    assert course[0] == 1
    falls = [epoch for epoch in range(1, len(course) - 1) if course[epoch] < course[epoch - 1]]
    assert falls == pytest.approx(epochs, abs=1)  # fractions of a run are rounded in the third place
    assert isclose(course[-1], share ** len(epochs))


@pytest.mark.parametrize("name", CLIMBS)
def test_the_rate_climbs_for_the_epochs_of_its_source_and_ends_at_nothing(name):
    course = rates(name)
    assert course.index(max(course)) == CLIMBS[name]
    assert max(course) == pytest.approx(1)
    assert course[-1] < 1e-6


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_numbers_of_its_source(name):
    assert_has(asdict(recipes.get(name).method), METHODS[name])


@pytest.mark.parametrize("name", LOOKS)
def test_clips_are_changed_as_in_its_source(name):
    assert_has(asdict(recipes.get(name).augment), LOOKS[name])


@pytest.mark.parametrize("name", ["iic", "dualvar", "pcl"])
def test_the_crop_is_112_pixels_of_frames_of_128_by_171(name):
    recipe = recipes.get(name)
    low, high = recipe.augment.crop_area
    assert low == high
    assert (low * 128 * 171) ** 0.5 == pytest.approx(112, abs=0.05)
    assert recipe.clip.short_side == 128


def test_blur_of_dualvar_is_that_of_its_source_in_pixels_of_its_clips():
    recipe = recipes.get("dualvar")
    assert [sigma * 112 / 128 for sigma in recipe.augment.blur_sigma] == pytest.approx([0.1, 2.0])
