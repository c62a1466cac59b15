from dataclasses import asdict, replace

import pytest

from kinema import evaluation
from kinema.errors import UsageError
from kinema.evaluate.protocol import file_name, write
from kinema.evaluate.settings import Evaluation
from kinema.recipes import paper
from kinema.recipes.tiny import tiny
from kinema.run import Run
from kinema.tables import running
from kinema.tables.definition import TABLES, get
from kinema.tables.finding import read_results
from kinema.tables.placing import place
from kinema.tables.running import jobs
from kinema.task import open_task


def todo(number, out, data="videos", **options):
    return jobs(TABLES[number], scale=options.pop("scale", "tiny"), data=str(data), out=out, **options)


def test_each_row_is_a_job_by_its_recipe_at_the_scale(tmp_path):
    made = todo(5, tmp_path, seed=3, epochs=7, tune_epochs=2)
    assert [job.recipe.recipe for job in made] == ["cmc@tiny", "mcn_one_stage@tiny", "mcn@tiny", "mcn_plus@tiny"]
    assert [job.folder.name for job in made] == ["cmc_seed3", "mcn_one_stage_seed3", "mcn_seed3", "mcn_plus_seed3"]
    assert {(job.recipe.train.seed, job.recipe.train.epochs) for job in made} == {(3, 7)}
    assert {(job.settings.epochs, job.settings.batch_size) for job in made} == {(2, 16)}
    assert replace(made[2].recipe, train=tiny(paper.mcn()).train) == tiny(paper.mcn())


def test_the_papers_scale_runs_the_recipes_as_they_are(tmp_path):
    made = todo(1, tmp_path, scale="paper")
    assert made[3].recipe == paper.mcn()
    assert [job.settings.batch_size for job in made] == [288, 288, 72, 72, 200, 200, 72]
    assert {job.settings.epochs for job in made} == {300}


def test_random_init_is_measured_once_for_each_network(tmp_path):
    assert [job.baseline for job in todo(5, tmp_path)] == [True, False, False, False]
    assert [job.baseline for job in todo(1, tmp_path)] == [True, False, True, False, True, False, False]
    assert [job.baseline for job in todo(4, tmp_path)] == [True, False, True, False, True, False]


def test_epochs_out_of_range_are_refused(tmp_path):
    with pytest.raises(UsageError, match="epochs is 0"):
        todo(5, tmp_path, epochs=0)
    with pytest.raises(UsageError, match="epochs is 0"):
        todo(5, tmp_path, tune_epochs=0)


@pytest.mark.parametrize(
    ("number", "options", "complaint"),
    [
        (5, {"flow": "flow"}, "Table 5 shows no flow: drop --flow"),
        (9, {}, "Table 9 shows flow: give --flow DIR"),
        (10, {"flow": "flow", "tests": ["set"]}, "1 --test sets and 0 of --test-flow: give the flow of each"),
    ],
)
def test_flow_is_asked_for_where_a_table_shows_it_and_nowhere_else(tmp_path, number, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        todo(number, tmp_path, **options)


def test_each_set_is_measured_with_its_own_flow(tmp_path):
    (job, _) = todo(9, tmp_path, flow="flow/a")
    assert (job.flow, job.tests) == ("flow/a", ((None, "flow/a"),))
    (job, _) = todo(10, tmp_path, flow="flow/a", tests=["b"], test_flows=["flow/b"])
    assert (job.flow, job.tests) == ("flow/a", (("b", "flow/b"),))
    assert todo(5, tmp_path, tests=["b", "c"])[0].tests == (("b", None), ("c", None))


@pytest.fixture
def quick(monkeypatch):
    """Rows that take a second: little networks, few frames; and the list of what was fine-tuned."""
    small = running.recipe_of

    def smaller(row, scale):
        recipe = small(row, scale)
        train = replace(recipe.train, batch_size=4, workers=0)
        clip = replace(recipe.clip, frames=4, stride=2, size=32)
        return replace(recipe, backbone=replace(recipe.backbone, width=0.0625), clip=clip, train=train)

    monkeypatch.setattr(running, "recipe_of", smaller)
    monkeypatch.setattr(evaluation, "pick_workers", lambda asked: 0)
    tuned, real = [], evaluation.finetune

    def finetune(task, settings, *, baseline):
        tuned.append((task.run.folder.name, baseline))
        return real(task, settings, baseline=baseline)

    monkeypatch.setattr(evaluation, "finetune", finetune)
    return tuned


def test_a_finished_row_is_not_done_again_and_an_interrupted_one_is(clip_folder, tmp_path, quick, monkeypatch):
    rows = get(5, ["cmc", "mcn_one_stage"])

    def run_all():
        for job in jobs(rows, scale="tiny", data=str(clip_folder), out=tmp_path, epochs=1, tune_epochs=1):
            job.train()
            job.measure()

    counted = evaluation.finetune

    def interrupted(task, settings, *, baseline):
        if task.run.folder.name == "mcn_one_stage_seed0":
            raise KeyboardInterrupt
        return counted(task, settings, baseline=baseline)

    monkeypatch.setattr(evaluation, "finetune", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_all()
    assert quick == [("cmc_seed0", True)]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/results/*.json")}
    assert len(before) == 2

    monkeypatch.setattr(evaluation, "finetune", counted)
    run_all()
    run_all()
    assert quick == [("cmc_seed0", True), ("mcn_one_stage_seed0", False)]
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())

    placed = place(TABLES[5], read_results([tmp_path]))
    assert [line.row.recipe if line.row else "random init" for line in placed.lines] == [
        *("random init", "cmc", "mcn_one_stage")
    ]
    (job, _) = jobs(rows, scale="tiny", data=str(clip_folder), out=tmp_path, epochs=1, tune_epochs=1)
    longer = replace(job, settings=replace(job.settings, epochs=2))
    longer.measure()
    assert quick[2:] == [("cmc_seed0", True)]


def test_retrieval_that_was_measured_otherwise_does_not_stand_for_the_tables(clip_folder, tmp_path, quick):
    rows = replace(get(5, ["cmc"]), task="retrieval")
    (job,) = jobs(rows, scale="tiny", data=str(clip_folder), out=tmp_path, epochs=1)
    job.train()
    for changed in (Evaluation(metric="l2"), Evaluation(center=True), Evaluation(ks=(1,))):
        evaluation.retrieve(open_task(job.folder, evaluation=changed))
        assert not job.measured(open_task(job.folder)), changed
    [plain] = evaluation.retrieve(open_task(job.folder), baseline=False)
    paired = replace(plain, protocol=replace(plain.protocol, settings=plain.protocol.settings | {"against": "other"}))
    (job.folder / "results" / file_name(plain)).unlink()
    write(paired, job.folder / "results")
    once = replace(job, baseline=False)
    assert not once.measured(open_task(job.folder)), "a difference of two networks is no figure of one"
    job.measure()
    assert job.measured(open_task(job.folder)) and once.measured(open_task(job.folder))


def test_a_folder_with_another_run_is_refused_before_anything_is_done(clip_folder, tmp_path, quick):
    options = {"scale": "tiny", "out": tmp_path, "epochs": 1, "tune_epochs": 1}
    rows = get(5, ["cmc"])
    (job,) = jobs(rows, data=str(clip_folder), **options)
    job.train()
    with pytest.raises(UsageError, match=r"cmc_seed0 was made with other settings \(train.epochs: 1 -> 2\)"):
        jobs(rows, data=str(clip_folder), **options | {"epochs": 2})
    with pytest.raises(UsageError, match=r"was trained on .*set, not .*test\.csv: give another --out"):
        jobs(rows, data=str(clip_folder / "test.csv"), **options)


def test_a_run_that_stopped_before_its_first_checkpoint_begins_anew_beside_the_old_one(clip_folder, tmp_path, quick):
    (job,) = jobs(get(5, ["cmc"]), scale="tiny", data=str(clip_folder), out=tmp_path, epochs=1)
    job.folder.mkdir()
    Run(job.folder).write("recipe.json", asdict(job.recipe))
    job.train()
    assert Run(job.folder).checkpoint.is_file()
    assert (tmp_path / "cmc_seed0.replaced-1" / "recipe.json").is_file()
