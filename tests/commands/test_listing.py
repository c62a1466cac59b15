"""`kinema list methods`."""

import pytest

from kinema.commands import listing
from kinema.methods import METHODS
from kinema.methods.listed import PUBLISHED_ONLY
from kinema.published import peers


def row(out, name):
    (line,) = [line for line in out.splitlines() if line.split()[:1] == [name]]
    return line


def test_every_method_is_listed_and_those_of_the_papers_tables_alone_with_the_reason(command):
    out = command("list", "methods").out
    for name, listed in METHODS.items():
        assert row(out, name).endswith(f"{listed.paper}: {listed.does}")
    for name, only in PUBLISHED_ONLY.items():
        assert row(out, name).endswith(f"published figures only; {only.why}")


def test_a_method_is_listed_with_what_was_published_and_what_it_needs(command, monkeypatch):
    monkeypatch.setattr(peers, "own", lambda: ())  # whatever has been run here
    out = command("list", "methods").out
    assert row(out, "mcn").split()[1:5] == ["85.4", "R3D-18", "53.8", "R3D-18"]
    assert row(out, "mcn").split()[6:9] == ["1", "may", "bank"]
    assert row(out, "dpc").split()[1:4] == ["75.7*", "R2D-3D", "-"]
    assert row(out, "tclr").split()[6:9] == ["10", "no", "-"]
    assert row(out, "büchler").split()[1:4] == ["-", "25.7", "?"]


def test_our_figures_are_those_of_the_ladder(monkeypatch):
    ladder = (peers.Own("mcn", "mocap15", "R@1", 31.04, 3), peers.Own("mcn", "mocap15", "top1", 50.0, 3))
    monkeypatch.setattr(peers, "own", lambda: ladder)
    assert listing.our_cell("mcn") == "31.0 / -"
    assert listing.our_cell("cmc") == "-"


@pytest.mark.parametrize("name", METHODS)
def test_something_was_published_of_every_method(name):
    printed = METHODS[name].printed
    assert any(peers.best(name, printed, task) for task in ("finetune", "retrieval"))


@pytest.mark.parametrize("words", [["--help"], ["methods", "--help"], ["-h", "recipes"]])
def test_help_of_a_list_is_its_usage(words, command):
    assert command("list", *words).out == "usage: kinema list [recipes | methods | backbones]\n"
