"""A corpus of broken videos, by every decoder and by the check: nothing crashes, hangs, or is read wrongly.

The whole corpus is slow; a part of it, the same at every run, is not.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from corpus import EITHER, READ, REFUSE, Case, corpus
from judging import Judgement, judged

from kinema.data.check import BAD
from kinema.data.decode import DECODERS, why_not
from kinema.data.isolated import Ended, in_processes

SECONDS = 120
"""A file may take so long, with everything that is tried on it, on a busy machine."""
UNNOTICED = {"mjpeg, flip 30 in the middle.avi"}
"""Where a frame has lost the start that a decoder knows it by, and is decoded by the tables of the one before."""


def written(folder: Path, cases: list[Case]) -> dict[str, Case]:
    """The cases by path, their files made."""
    for case in cases:
        case.make(folder / case.name)
    assert {case.name for case in cases} <= {path.name for path in folder.iterdir()}, "one took another's place"
    return {str(folder / case.name): case for case in cases}


def judge(cases: dict[str, Case], workers: int = 1) -> dict[str, Judgement]:
    """What becomes of each file; fails where one crashes or hangs the process that reads it."""
    found = dict(in_processes(judged, list(cases), workers=workers, seconds=SECONDS))
    ended = {cases[path].name: str(end) for path, end in found.items() if isinstance(end, Ended)}
    assert not ended, f"these files ended the process that read them: {ended}"
    return {path: answer for path, answer in found.items() if isinstance(answer, Judgement)}


def complaints(cases: dict[str, Case], judgements: dict[str, Judgement]) -> list[str]:
    """What is not as it has to be, by file."""
    out = []
    for path, judgement in judgements.items():
        case, check = cases[path], judgement.check
        say = f"{case.name}:"
        if check.kind not in ("", *BAD) or (check.kind and path not in check.detail) or "\n" in check.detail:
            out.append(f"{say} the check says '{check.kind}', '{check.detail}'")
        if (case.fate == READ and check.kind) or (case.fate == REFUSE and not check.kind):
            out.append(f"{say} the check says '{check.detail}'")
        for decoder, verdict in judgement.verdicts.items():
            if any("\n" in reason or path not in reason for reason in verdict.reasons):
                out.append(f"{say} {decoder} says '{verdict.reasons}'")
            if verdict.wrong and case.name not in UNNOTICED:
                out.append(f"{say} {decoder} gives other frames for {verdict.wrong}")
            if verdict.refused and not check.kind and not verdict.unsuitable:
                out.append(f"{say} {decoder} refuses what the check passes: {verdict.refused}")
            if verdict.damaged and not check.kind:
                out.append(f"{say} {decoder} refuses frames {verdict.damaged} of what the check passes")
        if judgement.verdicts["pyav"].refused and case.fate == READ:
            out.append(f"{say} {judgement.verdicts['pyav'].refused}")
        if not judgement.verdicts["pyav"].refused and check.kind and not judgement.verdicts["pyav"].reasons:
            out.append(f"{say} every frame can be read, and yet the check says '{check.detail}'")
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """The cases that need no real clips."""
    return corpus(None, tmp_path_factory.mktemp("sources"))


def test_corpus_holds_300_files_where_there_are_no_real_clips(made: list[Case]) -> None:
    assert len({case.name for case in made}) == len(made) >= 300
    assert all(Counter(case.fate for case in made)[fate] > 40 for fate in (READ, REFUSE, EITHER))


def test_corpus_is_the_same_at_every_run(made: list[Case], tmp_path: Path) -> None:
    spoilt = [case for case in made if case.sort == "spoilt"][::9]
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder, spoilt)
    assert all((tmp_path / "one" / c.name).read_bytes() == (tmp_path / "other" / c.name).read_bytes() for c in spoilt)


def test_part_of_the_corpus_is_read_rightly_or_refused(made: list[Case], tmp_path: Path) -> None:
    spoilt = [case for case in made if case.sort == "spoilt"]
    part = [case for case in made if case.sort != "spoilt"][::2] + spoilt[::9]
    assert len(part) >= 100
    cases = written(tmp_path, part)
    found = judge(cases)
    assert not (wrong := complaints(cases, found)), "\n".join(wrong)
    assert all(list(each.verdicts) == [name for name in DECODERS if not why_not(name)] for each in found.values())


@pytest.mark.slow
def test_whole_corpus_is_read_rightly_or_refused(made: list[Case], tmp_path: Path) -> None:
    cases = written(tmp_path, made)
    assert not (found := complaints(cases, judge(cases))), "\n".join(found)


@pytest.mark.slow
def test_spoilt_real_clips_are_read_rightly_or_refused(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    real = [case for case in corpus(shared_data, tmp_path / "sources") if case.sort == "real"]
    assert len(real) == 200
    cases = written(tmp_path, real)
    assert not (found := complaints(cases, judge(cases))), "\n".join(found)
