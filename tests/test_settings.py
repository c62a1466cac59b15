import json
from dataclasses import asdict, replace

import pytest

from kinema.errors import UsageError
from kinema.recipes import RECIPES
from kinema.settings import (
    CMC,
    MCN,
    METHOD_SETTINGS,
    Augment,
    Backbone,
    Clip,
    Contrast,
    Meta,
    Optim,
    Pairs,
    Pixels,
    Recipe,
    SimCLR,
    Train,
    differences,
    from_dict,
    method_title,
)


def stored(recipe):
    """As it comes back from a file."""
    return json.loads(json.dumps(asdict(recipe)))


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_survives_being_saved_as_json(name):
    recipe = RECIPES[name]()
    assert from_dict(Recipe, stored(recipe)) == recipe


@pytest.mark.parametrize("method", [CMC(), MCN(alpha=0.3), SimCLR(dim=64)])
def test_method_comes_back_as_its_own_class(method):
    back = from_dict(Recipe, stored(Recipe(method=method))).method
    assert type(back) is type(method)
    assert back == method


def test_ranges_come_back_as_tuples():
    assert from_dict(Augment, {"crop_area": [0.5, 1.0]}).crop_area == (0.5, 1.0)


def test_fields_that_are_absent_have_their_defaults():
    assert from_dict(Recipe, {"clip": {"frames": 8}}) == Recipe(clip=Clip(frames=8))


def test_unknown_field_is_refused_with_its_place_and_the_nearest_name():
    with pytest.raises(UsageError, match=r"^unknown setting 'clip.frame': did you mean 'frames'\? known: "):
        from_dict(Recipe, {"clip": {"frame": 8}})
    values = stored(Recipe())
    values["method"]["meta"]["ordre"] = 1
    with pytest.raises(UsageError, match=r"'method.meta.ordre': did you mean 'order'"):
        from_dict(Recipe, values)


def test_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match=r"^unknown method 'mnc': did you mean 'mcn'"):
        from_dict(Recipe, {"method": {"name": "mnc"}})


def test_differences_name_each_setting_that_changed():
    old = Recipe()
    new = replace(old, clip=replace(old.clip, frames=16), method=MCN(alpha=0.4))
    assert differences(stored(old), stored(new)) == ["method.alpha: 0.2 -> 0.4", "clip.frames: 32 -> 16"]
    assert differences(stored(old), stored(old)) == []


def test_differences_show_settings_that_one_side_lacks():
    changed = differences({"a": 1}, {"a": 1, "b": {"c": 2}})
    assert changed == ["b: None -> {'c': 2}"]
    assert any(
        line.startswith("method.alpha: 0.2 ->") for line in differences(stored(Recipe()), stored(Recipe(method=CMC())))
    )


def test_span_counts_the_first_and_the_last_frame():
    assert Clip(frames=8, stride=3).span == 22
    assert Clip(frames=1, stride=5).span == 1


def test_loaded_side_is_eight_sevenths_of_the_size_unless_given():
    assert Clip(size=112).loaded_side == 128
    assert Clip(size=112, short_side=120).loaded_side == 120


def test_every_method_has_its_settings_under_its_own_name():
    assert {name: cls().name for name, cls in METHOD_SETTINGS.items()} == {name: name for name in METHOD_SETTINGS}


def test_every_method_states_how_evaluation_shows_pixels():
    for cls in METHOD_SETTINGS.values():
        assert isinstance(cls().pixels, Pixels)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Clip(frames=0), "--clip.frames is 0: give 1 or more"),
        (lambda: Clip(stride=0), "--clip.stride is 0: give 1 or more"),
        (lambda: Clip(size=64, short_side=63), "--clip.short-side is 63: give 64 or more"),
        (lambda: Train(epochs=0), "--train.epochs is 0: give 1 or more"),
        (lambda: Train(batch_size=0), "--train.batch-size is 0: give 2 or more"),
        (lambda: Train(workers=-1), "--train.workers is -1: give 0 or more"),
        (lambda: from_dict(Recipe, {"clip": {"frames": -1}}), "--clip.frames is -1: give 1 or more"),
        (lambda: Backbone(width=0), "--backbone.width is 0: give a number above 0"),
        (lambda: Augment(flip=1.5), "--augment.flip is 1.5: give a number from 0 to 1"),
        (lambda: Augment(hue=0.6), "--augment.hue is 0.6: give a number from 0 to 0.5"),
        (lambda: Augment(crop_area=(0.0, 1.0)), "--augment.crop-area is 0 1: give a number from 0.01 to 1"),
        (lambda: Augment(crop_area=(0.8, 0.2)), "--augment.crop-area is 0.8 0.2: give the lower number first"),
        (lambda: Contrast(bank_momentum=2), "--method.contrast.bank-momentum is 2: give a number from 0 to 1"),
        (lambda: Meta(support_fraction=1), "--method.meta.support-fraction is 1: give a number between 0 and 1"),
        (lambda: Pairs(positive_weight=0), "--method.pairs.positive-weight is 0: give a number above 0"),
        (lambda: SimCLR(temperature=0), "--method.temperature is 0: give a number above 0"),
        (lambda: Optim(momentum=-1), "--optim.momentum is -1: give a number from 0 to 0.9999"),
        (lambda: Optim(milestones=(0.5, 0.2)), "--optim.milestones is 0.5 0.2: give the lower number first"),
        (lambda: Optim(clip_grad=0), "--optim.clip-grad is 0: give a number above 0"),
    ],
)
def test_number_that_makes_no_clip_or_batch_is_refused(make, message):
    with pytest.raises(UsageError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize("grid", ["all_unordered", "all_ordered"])
def test_pairs_that_are_both_ways_already_are_not_mirrored(grid):
    with pytest.raises(UsageError, match=rf"the grid {grid} has its own"):
        Pairs(grid=grid, symmetric=True)


def test_settings_of_a_bank_are_refused_where_there_is_none():
    batch = Contrast(source="batch")
    with pytest.raises(UsageError, match=r"form nce .* --method.contrast.source is batch"):
        Contrast(source="batch", form="nce")
    with pytest.raises(UsageError, match=r"bank-update query is about a memory, and mcn has none"):
        MCN(contrast=batch, meta=Meta(bank_update="query"))
    with pytest.raises(UsageError, match=r"negatives own_half is about rows of a memory bank, and mcn has none"):
        MCN(contrast=batch, meta=Meta(negatives="own_half"))
    assert MCN(contrast=batch).contrast.source == "batch"


def test_a_method_is_called_as_people_write_it():
    assert [method_title(name) for name in ("mcn", "simclr", "videomoco")] == ["MCN", "SimCLR", "VIDEOMOCO"]
