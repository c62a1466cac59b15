"""What a paper recipe's docstring promises, against the tables, the published figures and torch's FLOP counter."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from kinema import backbones, published, recipes
from kinema.recipes import tiny
from kinema.tables.definition import TABLES, flow_command, measure_command, pretrain_command, shows_flow

FILES = (".paper", ".ablations", ".flow", ".plus")
PAPER = [name for name, make in recipes.RECIPES.items() if make.__module__.endswith(FILES)]
MIB_A_CLIP = {"r2plus1d_18": 1249, "r3d_18": 421, "s3d": 305}  # fp32, 3 x 32 x 128 x 128, measured apart from kinema
VIDEOS = {"UCF101": 9537, "Kinetics-400": 240_000}


def said(name):
    return " ".join((recipes.RECIPES[name].__doc__ or "").split())


@pytest.fixture(scope="module")
def flop():
    """Of a forward pass of one clip of 32 frames at 128 px, by backbone."""
    counted = {}
    for name in MIB_A_CLIP:
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            backbones.build(name).eval()(torch.empty(1, 3, 32, 128, 128))
        counted[name] = counter.get_total_flops()
    return counted


@pytest.mark.parametrize("name", PAPER)
def test_docstring_has_the_cost_that_arithmetic_gives(name, flop):
    recipe = recipes.get(name)
    clips = 2 * recipe.clip.frames / 32  # two views, in clips of 32 frames
    gib = recipe.train.batch_size * clips * MIB_A_CLIP[recipe.backbone.name] / 1024
    costs = {}
    for data, videos in VIDEOS.items():
        eflop = 3 * flop[recipe.backbone.name] * clips * videos * recipe.train.epochs / 1e18
        costs[data] = f"{eflop:.1f} EFLOP, {eflop * 1e18 / 40e12 / 3600:.0f} hours"
    assert f"Cost: {gib:.1f} GiB; on UCF101 (9,537 videos) {costs['UCF101']}" in said(name)
    if name in {row.recipe for row in TABLES[8].rows}:
        assert f"on Kinetics-400 {costs['Kinetics-400']}" in said(name)


@pytest.mark.parametrize("name", PAPER)
def test_docstring_has_the_commands_that_the_tables_print(name):
    rows = [(table, row) for table in TABLES.values() for row in table.rows if row.recipe == name]
    wanted = {pretrain_command(table, row) for table, row in rows}
    wanted |= {measure_command(t, row, data) for t, row in rows if t.pretrain == "UCF101" for data in t.data}
    wanted |= {flow_command(data) for table, _ in rows if shows_flow(table) for data in table.data}
    lines = {line.strip() for line in (recipes.RECIPES[name].__doc__ or "").splitlines()}
    assert {line for line in lines if line.startswith("kinema ") and "/" in line} == wanted


@pytest.mark.parametrize("name", PAPER)
def test_docstring_has_the_figures_of_the_paper(name):
    for table in TABLES.values():
        for row in table.printed:
            figures = [
                f"{figure.value:.1f}"
                for figure in published.figures(table.number)
                if (figure.method, figure.backbone, figure.frames) == (row.method, row.backbone, row.frames)
            ]
            if row.recipe == name and table.number != 6:  # which repeats Table 2
                assert " / ".join(figures) in said(name), table.number


def test_no_recipe_has_two_names():
    plain = [replace(recipes.get(name), recipe="") for name in PAPER]
    assert all(one != other for number, one in enumerate(plain) for other in plain[:number])


def test_every_recipe_goes_by_its_own_name():
    assert all(recipes.get(name).recipe == name for name in recipes.RECIPES)


def test_headings_list_every_recipe_once():
    listed = [name for names in recipes.headings().values() for name in names]
    assert sorted(listed) == sorted(recipes.RECIPES)
    assert all(len(heading) < 110 for heading in recipes.headings())


@pytest.mark.parametrize(
    ("paper", "small"), [("mcn_r3d", "tiny_mcn"), ("cmc_r3d", "tiny_cmc"), ("mcn_plus", "tiny_mcn_plus")]
)
def test_paper_recipe_brought_down_is_the_tiny_one_of_its_backbone(paper, small):
    down, wanted = tiny.tiny(recipes.get(paper)), recipes.get(small)
    if paper == "mcn_plus":  # of R(2+1)D-18, where the small one is an R3D
        wanted = replace(wanted, backbone=replace(wanted.backbone, name="r2plus1d_vcop"))
    assert replace(down, recipe=small) == wanted


def test_what_a_table_varies_survives_being_brought_down():
    down = {name: tiny.tiny(recipes.get(name)) for name in PAPER}
    assert [down[name].method.alpha for name in ("mcn_alpha01", "mcn", "mcn_alpha03", "mcn_alpha04")] == [
        *(0.1, 0.2, 0.3, 0.4)
    ]
    assert [down[name].clip.frames for name in ("cmc_16f", "cmc", "cmc_64f")] == [4, 8, 16]
    assert [down[name].backbone.name for name in ("mcn", "mcn_r3d", "mcn_s3d")] == ["r2plus1d_vcop", "r3d_vcop", "s3d"]
    assert [down[name].method.name for name in ("cmc", "mcn_one_stage", "mcn")] == ["cmc", "mcn", "mcn"]
    assert [down[name].method.meta.order for name in ("mcn_one_stage", "mcn")] == [0, 1]
    videos_a_step = [
        down["cmc"].train.batch_size,
        down["mcn_one_stage"].train.batch_size,
        2 * down["mcn"].train.batch_size,
    ]
    assert videos_a_step == [16, 16, 16]
    assert {recipe.backbone.width for recipe in down.values()} == {0.25}
    assert [down[name].method.views.second for name in ("mcn", "mcn_flow")] == ["residual", "flow"]
