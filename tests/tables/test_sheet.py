import pytest
from rich.console import Console

from kinema.tables.board import board
from kinema.tables.definition import TABLES
from kinema.tables.placing import place
from kinema.tables.sheet import letter, sheet

RECALL = {"R@1": 20.0, "R@5": 40.0, "R@10": 50.0, "R@20": 60.0, "R@50": 70.0}


def sheet_of(number, found=()):
    return sheet(board(TABLES[number], place(TABLES[number], found)))


def row(shown, label):
    return next(cells for cells in shown.table.rows if cells[0].startswith(label))


@pytest.mark.parametrize("number", TABLES)
def test_every_table_prints_without_any_result(number):
    shown = sheet_of(number)
    assert shown.table.title.startswith(f"Table {number}: ")
    assert shown.ours == 0
    assert "random init" not in [cells[0] for cells in shown.table.rows]
    assert all(command in shown.markdown() for command in shown.commands)


def test_rows_are_the_papers_in_its_order_with_ours_beside(make):
    shown = sheet_of(5, [make("cmc@tiny", 20.0), make("mcn@tiny", 30.0), make(None, 12.5)])
    assert shown.table.header == ("", "backbone", "UCF101", "ours, set abcdefg")
    assert shown.table.rows == (
        ("random init", "r2plus1d_vcop x0.25", "", "12.5 [8.5, 16.5]"),
        ("CL", "R(2+1)D", "77.3", "20.0 [16.0, 24.0]"),
        ("CL + BL", "R(2+1)D", "79.2", ""),
        ("CL + BL + meta stages", "R(2+1)D", "84.8", "30.0 [26.0, 34.0]"),
        ("mcn_plus", "R(2+1)D", "", ""),
    )


def test_every_difference_from_the_paper_has_a_letter_and_is_said(make):
    assert sheet_of(5, [make("mcn@tiny", 30.0)]).notes == (
        ("a", "measured on set, not UCF101"),
        ("b", "pre-trained on set/train, not UCF101"),
        ("c", "r2plus1d_vcop of width 0.25, not r2plus1d_18"),
        ("d", "8 frames at stride 4, 56 px, not 32 at 1, 128 px"),
        ("e", "40 epochs of pre-training, not 500"),
        ("f", "fine-tuning: epochs 12, not 300, batch_size 16, not 72, dropout 0, not 0.5"),
        ("g", "settings of kinema.recipes.tiny, not of section 4.1"),
    )


def test_a_result_at_the_papers_scale_has_no_letters_and_is_not_missing(make):
    from dataclasses import asdict

    from kinema.evaluate.settings import Finetune

    paper = {"data": "ucf101", "split": "1", "pretrain_data": "ucf101/train1", "settings": asdict(Finetune())}
    shown = sheet_of(5, [make("mcn", 83.0, **paper)])
    assert shown.notes == ()
    assert row(shown, "CL + BL + meta")[-1] == "83.0 [79.0, 87.0]"
    assert not [command for command in shown.commands if "runs/mcn " in f"{command} "]
    assert "kinema pretrain cmc --data UCF-101 --out runs/cmc" in shown.commands


def test_what_is_measured_on_one_of_two_sets_lacks_the_other_only(make):
    paper = {"data": "ucf101", "split": "1", "pretrain_data": "ucf101/train1"}
    commands = [command for command in sheet_of(7, [make("mcn", 83.0, **paper)]).commands if "mcn " in command]
    assert commands == ["kinema finetune runs/mcn --data HMDB51"]


def test_what_holds_for_one_row_is_marked_there_and_not_in_the_head(make):
    shown = sheet_of(5, [make("cmc@tiny", 20.0), make("mcn@tiny", 30.0, epoch=7, recipe_hash="other")])
    said = dict(shown.notes)
    assert row(shown, "CL + BL + meta")[-1].split()[-1] == "hi"
    assert said["h"] == "7 epochs of pre-training, not 500"
    assert said["i"].startswith("settings that the recipe does not have today")
    assert row(shown, "CL")[-1].split()[-1] == "g"
    assert said["g"] == "40 epochs of pre-training, not 500"
    assert shown.table.header[-1] == "ours, set abcdef"


def test_features_in_bf16_are_marked(make):
    measured = {"task": "retrieval", "metrics": RECALL, "settings": {"feature_precision": "bf16-mixed"}}
    said = dict(sheet_of(9, [make("mcn@tiny", 20.0, **measured)]).notes).values()
    assert any("feature_precision bf16-mixed, not 32-true" in note for note in said)


@pytest.mark.parametrize("kind, marked", [("bf16-mixed", True), ("auto", False), ("32-true", False)])
def test_finetuning_in_bf16_is_marked(kind, marked, make):
    said = dict(sheet_of(5, [make("mcn@tiny", 20.0, settings={"precision": kind})]).notes).values()
    assert any("precision bf16-mixed, not 32-true" in note for note in said) == marked
    assert not any("auto" in note for note in said)


def test_the_mean_of_several_runs_is_called_so(make):
    shown = sheet_of(5, [make("mcn@tiny", 30.0, seed=0), make("mcn@tiny", 36.0, seed=1)])
    assert row(shown, "CL + BL + meta")[-1] == "33.0 [30.0, 36.0] h"
    assert dict(shown.notes)["h"] == "mean of 2 runs, with the lowest and highest of them"


def test_contradictions_are_footnotes_at_their_figures():
    two, six, nine = sheet_of(2), sheet_of(6), sheet_of(9)
    assert [cells[2:] for cells in two.table.rows if cells[:2] == ("MCN", "R(2+1)D")] == [("72.4", "41.2 (2)")]
    assert "41.2 on HMDB51 in Table 2 and 42.2 in Table 6" in dict(two.notes)["(2)"]
    assert [cells[2:] for cells in six.table.rows if cells[1] == "R(2+1)D"] == [("72.4", "42.2 (2)")]
    assert row(nine, "CoCLR")[2:] == ("53.3 (2)", "69.4", "76.6", "82.0", "-")
    assert "51.8" in dict(nine.notes)["(2)"]


def test_a_network_of_other_views_is_marked_so_in_the_tables_with_flow(make):
    shown = sheet_of(9, [make("mcn@tiny", 20.0, task="retrieval", settings={}, metrics=RECALL)])
    said = [meaning for sign, meaning in shown.notes if sign.isalpha()]
    assert "view rgb, not rgb+flow" in said
    assert "trained on RGB and residual, not flow" in said
    assert shown.commands[:2] == (
        "kinema data flow UCF-101 --out flow/UCF-101",
        "kinema pretrain mcn_flow --data UCF-101 --flow flow/UCF-101 --out runs/mcn_flow",
    )
    assert sheet_of(10).commands[:2] == (
        "kinema data flow UCF-101 --out flow/UCF-101",
        "kinema data flow HMDB51 --out flow/HMDB51",
    )


def test_a_footnote_of_a_whole_row_stands_at_its_name():
    assert row(sheet_of(8), "PP")[0] == "PP (3)"
    assert row(sheet_of(7), "Jigsaw")[0] == "Jigsaw (1)"


def test_columns_that_tell_no_rows_apart_are_left_out():
    assert sheet_of(3).table.header == ("", "UCF101")
    assert sheet_of(4).table.header == ("", "clip", "UCF101")
    assert sheet_of(7).table.header == ("", "backbone", "clip", "UCF101", "HMDB51")


def test_of_several_metrics_all_are_shown_for_one_column_of_ours_and_the_first_for_more(make):
    retrieval = {"task": "retrieval", "settings": {}, "metrics": RECALL}
    one = make("mcn@tiny", 20.0, **retrieval)
    assert [head.split(" abc")[0] for head in sheet_of(9, [one]).table.header[-5:]] == [
        *(f"ours, set, R@{k}" for k in (1, 5, 10, 20, 50))
    ]
    two = sheet_of(9, [one, make("mcn@tiny", 20.0, view="residual", **retrieval)])
    assert two.ours == 2
    assert all("R@1" in head for head in two.table.header[-2:])


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_no_figure_is_cut_off_in_a_narrow_terminal(make, width):
    found = [make("mcn@tiny", 30.0 + n, data=f"set{n}", pretrain_data=f"set{n}/train") for n in range(6)]
    console = Console(width=width)
    with console.capture() as captured:
        for piece in sheet_of(5, found).terminal(width):
            console.print(piece, markup=False, soft_wrap=isinstance(piece, str))
    text = captured.get()
    assert "…" not in text
    for n in range(6):
        assert f"{30.0 + n:.1f}" in text
        assert f"[{26.0 + n:.1f}," in text
    assert text.count("84.8") == 1
    assert (text.count("more of ours") > 0) == (width < 400)


def test_what_is_not_shown_is_said(make):
    other, changed = make("demo_mcn", 30.0), make("mcn@tiny", 31.0, recipe_hash="other")
    assert sheet_of(5, [other, changed, make("mcn@tiny", 30.0), make(None, 9.0, clips=1)]).how[1:] == (
        "not shown, as they are of no row of this table: 2 of demo_mcn, random init",
        "not shown, as others are nearer to the recipe of their row: 1 of mcn@tiny",
    )


def test_markdown_holds_table_notes_and_commands(make):
    text = sheet_of(5, [make("mcn@tiny", 30.0)]).markdown()
    assert text.startswith("**Table 5: ")
    assert "| CL + BL + meta stages | R(2+1)D | 84.8 | 30.0 [26.0, 34.0] |" in text or "| 30.0 [26.0, 34.0] |" in text
    assert "- a measured on set, not UCF101\n" in text
    assert "```sh\nkinema pretrain cmc --data UCF-101 --out runs/cmc\n" in text


def test_letters_go_on_after_z():
    assert [letter(number) for number in (0, 25, 26, 51, 52)] == ["a", "z", "aa", "zz", "aaa"]
