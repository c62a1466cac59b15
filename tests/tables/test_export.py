import csv
import io
import json

from kinema import published
from kinema.tables.board import board
from kinema.tables.definition import TABLES
from kinema.tables.export import to_csv, to_json
from kinema.tables.placing import place


def board_of(number, found=()):
    return board(TABLES[number], place(TABLES[number], found))


def test_csv_has_every_figure_of_the_paper_and_all_metrics_of_ours(make):
    lines = list(csv.DictReader(io.StringIO(to_csv(board_of(5, [make("mcn@tiny", 30.0), make(None, 12.0)])))))
    paper = [line for line in lines if line["of"] == "paper"]
    assert [float(line["value"]) for line in paper] == [77.3, 79.2, 84.8]
    ours = {(line["recipe"], line["metric"]): line for line in lines if line["of"] == "kinema"}
    assert set(ours) == {("mcn", "top1"), ("mcn", "top5"), ("", "top1"), ("", "top5")}
    line = ours["mcn", "top1"]
    assert (line["value"], line["low"], line["high"], line["after"]) == ("30.0", "26.0", "34.0", "set/train")
    assert ours["", "top1"]["row"] == "random init"


def test_csv_of_every_table_has_all_its_figures():
    for number in TABLES:
        lines = list(csv.DictReader(io.StringIO(to_csv(board_of(number)))))
        assert [float(line["value"]) for line in lines] == [figure.value for figure in published.figures(number)]


def test_json_says_how_each_figure_was_made(make):
    found = make("mcn@tiny", 30.0)
    content = json.loads(to_json(board_of(5, [found])))
    assert content["table"] == 5
    ours = next(each for each in content["figures"] if each["of"] == "kinema")
    assert ours["files"] == [str(found.path)]
    assert ours["protocol"]["clips"] == 10
    assert "measured on set, not UCF101" in ours["differs"]
    assert content["missing"]["cmc"][0] == "kinema pretrain cmc --data UCF-101 --out runs/cmc"
    probe = json.loads(to_json(board_of(2)))["figures"]
    assert any("42.2 in Table 6" in note for each in probe for note in each["notes"])
