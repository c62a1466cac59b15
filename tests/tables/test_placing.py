from dataclasses import replace

import pytest

from kinema.errors import UsageError
from kinema.tables.definition import TABLES
from kinema.tables.finding import keeps_recipe, read_results, same_set
from kinema.tables.placing import place


def shown(placed):
    """{(row or network, column): value}"""
    return {
        (line.row.recipe if line.row else line.backbone, column.name): cell.value(cell.result.score.metric)
        for (line, column), cell in placed.cells.items()
    }


def test_results_stand_in_the_rows_of_their_recipes(make):
    found = [make("cmc@tiny", 20.0), make("mcn@tiny", 30.0), make("mcn_one_stage@tiny", 25.0)]
    assert shown(place(TABLES[5], found)) == {
        ("cmc", "ours, set"): 20.0,
        ("mcn", "ours, set"): 30.0,
        ("mcn_one_stage", "ours, set"): 25.0,
    }


def test_a_small_recipe_fills_the_row_of_its_backbone_or_the_only_one_there_is(make):
    result = make("tiny_mcn", 30.0, backbone="r3d_vcop")
    assert shown(place(TABLES[1], [result])) == {("mcn_r3d", "ours, set"): 30.0}
    assert shown(place(TABLES[5], [result])) == {("mcn", "ours, set"): 30.0}
    assert place(TABLES[1], [make("tiny_mcn", 30.0, backbone="s3d")]).cells == {}


def test_results_of_no_row_are_kept_apart_and_those_of_other_tasks_do_not_count(make):
    other = make("demo_mcn", 30.0)
    placed = place(TABLES[5], [other, make("mcn@tiny", 1.0, task="linear")])
    assert placed.cells == {}
    assert placed.others == (other,)


def test_networks_of_other_views_stand_in_the_rows_with_flow_until_there_are_their_own(make):
    retrieval = {"task": "retrieval", "settings": {}}
    other, given, own = (
        make("mcn_r3d@tiny", 1.0, **retrieval),
        make("tiny_mcn+flow", 2.0, backbone="r3d_vcop", view="rgb+flow", **retrieval),
        make("mcn_r3d_flow@tiny", 3.0, view="rgb+flow", **retrieval),
    )
    row, columns = "mcn_r3d_flow", ("ours, set", "ours, set, rgb+flow")
    assert shown(place(TABLES[9], [other, given])) == {(row, columns[0]): 1.0, (row, columns[1]): 2.0}
    assert shown(place(TABLES[9], [other, given, own])) == {(row, columns[0]): 1.0, (row, columns[1]): 3.0}


def test_a_row_of_our_own_stands_below_the_papers(make):
    placed = place(TABLES[5], [make("tiny_mcn_plus", 40.0, backbone="r2plus1d_vcop"), make("mcn@tiny", 30.0)])
    assert shown(placed) == {("mcn_plus", "ours, set"): 40.0, ("mcn", "ours, set"): 30.0}


def test_a_difference_of_two_networks_is_no_figure_of_one(make):
    settings = dict(make("cmc@tiny", 20.0).result.protocol.settings)
    found = [make("mcn@tiny", 30.0), make("mcn@tiny", 2.0, settings=settings | {"against": "tiny_cmc"})]
    assert shown(place(TABLES[5], found)) == {("mcn", "ours, set"): 30.0}


def test_a_result_without_a_figure_that_the_table_prints_is_refused_by_name(make):
    found = make("mcn_flow", 40.0, task="retrieval", view="rgb+flow", metrics={"R@1": 40.0, "R@5": 60.0})
    with pytest.raises(UsageError, match=r"\.json has no R@10, which Table 9 prints: measure it again without"):
        place(TABLES[9], [found])


def test_random_init_stands_beside_what_was_measured_like_it(make):
    found = [make("mcn@tiny", 30.0), make(None, 10.0), make(None, 11.0, clips=1), make(None, 12.0, width=0.5)]
    placed = place(TABLES[5], found)
    assert shown(placed) == {("mcn", "ours, set"): 30.0, ("r2plus1d_vcop x0.25", "ours, set"): 10.0}
    assert placed.others == tuple(found[2:])
    assert placed.lines[0].row is None


def test_each_network_has_its_own_random_init(make):
    found = [
        make("mcn@tiny", 30.0),
        make("mcn_r3d@tiny", 31.0),
        make(None, 10.0),
        make(None, 11.0, backbone="r3d_vcop"),
    ]
    assert set(shown(place(TABLES[1], found))) == {
        (name, "ours, set") for name in ("mcn", "mcn_r3d", "r2plus1d_vcop x0.25", "r3d_vcop x0.25")
    }
    frames = [make("mcn_16f@tiny", 30.0), make("mcn@tiny", 31.0), make(None, 10.0), make(None, 9.0, frames=4)]
    lines = place(TABLES[4], frames).lines
    assert [line.backbone for line in lines[:2]] == ["r2plus1d_vcop x0.25, 4 frames", "r2plus1d_vcop x0.25, 8 frames"]


def test_sets_views_splits_and_what_was_trained_on_have_columns_of_their_own(make):
    found = [
        make("mcn@tiny", 1.0),
        make("mcn@tiny", 2.0, view="residual"),
        make("mcn@tiny", 3.0, pretrain_data="other/train"),
        make("mcn@tiny", 4.0, data="ucf101", split="1", pretrain_data="ucf101/train1"),
        make(None, 5.0),
    ]
    assert shown(place(TABLES[5], found)) == {
        ("mcn", "ours, set"): 1.0,
        ("mcn", "ours, set, residual"): 2.0,
        ("mcn", "ours, set, after other"): 3.0,
        ("mcn", "ours, ucf101, split 1"): 4.0,
        ("r2plus1d_vcop x0.25", "ours, set"): 5.0,
        ("r2plus1d_vcop x0.25", "ours, set, after other"): 5.0,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frames", 16), ("stride", 1), ("size", 112), ("clips", 1), ("crops", 3), ("test_list", "c"), ("gallery", 9),
        ("selection", "none"), ("average", "logits"), ("width", 0.5), ("backbone", "r3d_vcop"),
    ],
)  # fmt: skip
def test_mixed_protocols_in_a_column_are_refused_by_field_and_files(make, field, value):
    one, other = make("cmc@tiny", 20.0), make("mcn@tiny", 30.0, **{field: value})
    with pytest.raises(UsageError, match=f"{field} is .* and {value!r}; give --results of one") as refused:
        place(TABLES[5], [one, other])
    assert str(one.path) in str(refused.value)
    assert str(other.path) in str(refused.value)


def test_settings_of_the_evaluation_are_part_of_the_protocol(make):
    settings = dict(make("cmc@tiny", 20.0).result.protocol.settings)
    found = [make("cmc@tiny", 20.0), make("mcn@tiny", 30.0, settings=settings | {"epochs": 3})]
    with pytest.raises(UsageError, match=r"settings\.epochs is 12 and 3"):
        place(TABLES[5], found)


def test_features_in_bf16_and_in_float32_do_not_go_into_one_table(make):
    found = [make("mcn@tiny", 20.0, task="retrieval", settings={})]
    found.append(make("mcn@tiny", 30.0, seed=1, task="retrieval", settings={"feature_precision": "bf16-mixed"}))
    with pytest.raises(UsageError, match=r"settings\.feature_precision is None and 'bf16-mixed'"):
        place(TABLES[9], found)


def test_what_a_table_varies_on_purpose_may_differ_and_nothing_else(make):
    place(TABLES[4], [make("mcn_16f@tiny", 30.0), make("mcn@tiny", 30.0)])
    settings = dict(make("cmc@tiny", 20.0).result.protocol.settings)
    rows = [make("mcn@tiny", 30.0), make("mcn_r3d@tiny", 30.0, settings=settings | {"batch_size": 200})]
    place(TABLES[1], rows)
    with pytest.raises(UsageError, match="frames is 8 and 4"):
        place(TABLES[1], [make("mcn@tiny", 30.0), make("mcn_r3d@tiny", 30.0, frames=4)])
    with pytest.raises(UsageError, match=r"settings\.epochs"):
        place(TABLES[1], [rows[0], make("mcn_r3d@tiny", 30.0, settings=settings | {"epochs": 3})])


def test_runs_of_several_seeds_are_their_mean_with_the_lowest_and_highest(make):
    found = [make("mcn@tiny", value, seed=seed) for seed, value in enumerate((30.0, 36.0, 33.0))]
    (cell,) = place(TABLES[5], found).cells.values()
    assert cell.value(cell.result.score.metric) == 33.0
    assert cell.interval("top1") == (30.0, 36.0)
    assert len(cell.found) == 3


def test_a_copy_of_a_result_counts_once(make):
    (cell,) = place(TABLES[5], [make("mcn@tiny", 30.0), make("mcn@tiny", 30.0)]).cells.values()
    assert len(cell.found) == 1
    assert cell.interval("top1") == (26.0, 34.0)


@pytest.mark.parametrize(("field", "value"), [("epoch", 7), ("recipe", "tiny_mcn"), ("recipe_hash", "other")])
def test_two_trainings_in_one_cell_are_refused_by_field(make, field, value):
    found = [make("mcn@tiny", 30.0, recipe_hash="one"), make("mcn@tiny", 31.0, **{"recipe_hash": "one", field: value})]
    with pytest.raises(UsageError, match=f"are of one row, but trained differently: {field} is"):
        place(TABLES[5], found)


def test_results_of_changed_settings_give_way_to_those_of_the_recipe_as_it_is(make):
    found = [make("mcn@tiny", 31.0, recipe_hash="other", clips=1), make("mcn@tiny", 30.0), make("cmc@tiny", 20.0)]
    placed = place(TABLES[5], found)
    assert shown(placed) == {("mcn", "ours, set"): 30.0, ("cmc", "ours, set"): 20.0}
    assert placed.others == (found[0],)
    assert shown(place(TABLES[5], found[:1])) == {("mcn", "ours, set"): 31.0}


def test_other_json_files_in_a_folder_are_none_of_ours_and_a_broken_one_is_named(make, folder):
    found = make("mcn@tiny", 30.0)
    (folder / "recipe.json").write_text('{"recipe": "mcn"}')
    assert [each.path for each in read_results([folder])] == [found.path]
    (folder / "broken.json").write_text('{"score": ')
    with pytest.raises(UsageError, match=r"broken\.json: not a readable result"):
        read_results([folder])
    with pytest.raises(UsageError, match="absent: no such folder of results"):
        read_results([folder / "absent"])


def test_a_changed_setting_is_noticed_and_a_changed_seed_or_length_is_none(make):
    result = make("mcn@tiny", 30.0, seed=3).result
    assert keeps_recipe(result)
    assert not keeps_recipe(replace(result, subject=replace(result.subject, recipe_hash="other")))
    assert not keeps_recipe(replace(result, subject=replace(result.subject, recipe="mine")))
    short = make("mcn@tiny", 30.0, epoch=2).result  # stopped early, by the recipe's own schedule
    assert keeps_recipe(short)


@pytest.mark.parametrize(
    ("name", "printed", "same"),
    [
        ("ucf101", "UCF101", True),
        ("ucf101/train1", "UCF101", True),
        ("UCF-101", "UCF101", True),
        ("hmdb51", "UCF101", False),
        ("k400/train", "Kinetics-400", True),
        ("Kinetics-400", "Kinetics-400", True),
        ("kinetics600", "Kinetics-400", False),
        ("", "UCF101", False),
    ],
)
def test_data_sets_are_known_by_their_usual_names(name, printed, same):
    assert same_set(name, printed) is same
