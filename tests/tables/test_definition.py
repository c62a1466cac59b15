import pytest

from kinema import published, recipes
from kinema.errors import UsageError
from kinema.tables import definition
from kinema.tables.definition import (
    TABLES,
    Row,
    flow_command,
    get,
    measure_command,
    pretrain_command,
    settings_of,
)

FAMILY = {"R(2+1)D": "r2plus1d_18", "R3D-18": "r3d_18", "S3D": "s3d"}


def test_every_row_that_is_the_authors_own_has_a_recipe_and_no_other_row_has():
    for table in TABLES.values():
        own = {(f.method, f.backbone, f.frames) for f in published.figures(table.number) if not f.quoted}
        assert {(row.method, row.backbone, row.frames) for row in table.printed} == own
        assert len(table.printed) == len(own)


def test_table_measures_what_the_paper_prints():
    for table in TABLES.values():
        figures = published.figures(table.number)
        assert {figure.task for figure in figures} == {table.task}
        assert {figure.data for figure in figures} == set(table.data)
        assert {f.pretrain for f in figures if not f.quoted} == {table.pretrain}


@pytest.mark.parametrize("number", TABLES)
def test_recipe_of_a_row_is_what_the_row_says(number):
    for row in TABLES[number].printed:
        recipe = recipes.get(row.recipe)
        assert recipe.backbone.name == FAMILY[row.backbone]
        assert recipe.backbone.width == 1
        assert (recipe.clip.frames, recipe.clip.size) == (row.frames, 128)
        assert (recipe.method.name == "mcn") == (row.method.startswith("MCN") or "BL" in row.method)
        if "alpha" in row.method:
            assert row.method.endswith(f" {recipe.method.alpha}")
        if recipe.method.name == "mcn":
            assert recipe.method.meta.order == (0 if row.method == "CL + BL" else 1)


def test_batches_are_those_of_section_4_1():
    batch = {name: recipes.get(name).train.batch_size for name in ("mcn", "cmc", "mcn_r3d", "cmc_r3d")}
    assert batch == {"mcn": 28, "cmc": 28, "mcn_r3d": 80, "cmc_r3d": 80}
    tuned = {name: settings_of(TABLES[1], recipes.get(name), "paper") for name in ("mcn", "mcn_r3d")}
    assert [(s.batch_size, s.lr, s.epochs) for s in tuned.values()] == [(72, 0.02, 300), (200, 0.02, 300)]


def test_unknown_table_and_row_are_refused_with_what_exists():
    with pytest.raises(UsageError, match="there is no table 0: the paper has tables 1 to 10"):
        get(0)
    with pytest.raises(UsageError, match=r"Table 5 has no row 'mcn_r3d' of ours: did you mean 'mcn'.*mcn_one_stage"):
        get(5, ["cmc", "mcn_r3d"])


def test_some_rows_can_be_asked_for():
    assert [row.recipe for row in get(5, ["mcn_plus", "cmc"]).rows] == ["cmc", "mcn_plus"]
    assert get(5, []) is TABLES[5]


def test_a_row_of_our_own_is_one_name_in_the_definition(monkeypatch):
    table = definition.replace(TABLES[3], extra=("mcn_plus",))
    monkeypatch.setitem(definition.TABLES, 3, table)
    assert get(3).rows[-1] == Row("mcn_plus")
    assert [row.recipe for row in get(3, ["mcn_plus"]).rows] == ["mcn_plus"]
    assert measure_command(table, Row("mcn_plus"), "UCF101") == "kinema finetune runs/mcn_plus --data UCF-101"


def test_commands_are_whole():
    row = next(row for row in TABLES[8].rows if row.recipe == "mcn_r3d")
    assert pretrain_command(TABLES[8], row) == (
        "kinema pretrain mcn_r3d --data kinetics400 --out runs/mcn_r3d_kinetics"
    )
    assert measure_command(TABLES[8], row, "HMDB51") == (
        "kinema finetune runs/mcn_r3d_kinetics --data HMDB51 --finetune.batch-size 200"
    )
    assert pretrain_command(TABLES[10], TABLES[10].rows[0]) == (
        "kinema pretrain mcn_flow --data UCF-101 --flow flow/UCF-101 --out runs/mcn_flow"
    )
    assert measure_command(TABLES[10], TABLES[10].rows[0], "HMDB51") == (
        "kinema retrieve runs/mcn_flow --data HMDB51 --view rgb+flow --flow flow/HMDB51"
    )
    assert flow_command("HMDB51") == "kinema data flow HMDB51 --out flow/HMDB51"
    assert measure_command(TABLES[2], row, "UCF101") == "kinema linear runs/mcn_r3d --data UCF-101"
