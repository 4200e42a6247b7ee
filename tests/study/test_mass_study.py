"""Mass studies: runs made in groups, whose records are lines; the same study as one of folders."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from rcjax.errors import UserError
from rcjax.runtime import Interrupted, StopRequest
from rcjax.study import run_study
from rcjax.study.group_jobs import GroupJob, job_from_json
from rcjax.study.line_storage import LineStorage, groups
from rcjax.study.lines import read_shard, shards
from rcjax.study.plan import plan_study
from rcjax.study.tools import TOOLS
from rcjax.training import group_key, group_loop
from rcjax.training.group import Group

from .small_studies import planned, small_study

# Seeds, rates, label noise and subsets of the images differ within a group; widths make two.
FIELDS = {
    "records": "lines",
    "executor.runs_together": 3,
    "grid.learning_rate": (0.1, 0.01),
    "grid.label_noise": (0.0, 0.2),
    "grid.width": (3, 4),
    "variants.few.slices": 5,
    "measures.names": "parameter_norm",
}


def mass_study(**fields):
    return small_study(**{**FIELDS, "grid.seed": (0,), **fields})


def contents(workdir):
    return {path.name: path.read_bytes() for path in shards(workdir)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a mass study, and its report."""
    workdir = tmp_path_factory.mktemp("mass")
    return workdir, run_study(mass_study(), workdir)


@pytest.mark.slow
def test_a_mass_study_leaves_a_line_a_run_and_no_checkpoints(made):
    workdir, report = made
    lines = [line for path in shards(workdir) for line in read_shard(path)]
    assert sorted(line.run for line in lines) == sorted(r.name for r in planned(mass_study()))
    assert len(shards(workdir)) == 4  # two widths, two groups each
    assert not (workdir / "groups").exists()
    assert not (workdir / "runs").exists()
    assert report["status"] == "completed"
    # Nothing is left to do; the report is the same.
    before = contents(workdir)
    again = run_study(mass_study(), workdir)
    assert contents(workdir) == before
    assert again == report


@pytest.mark.slow
def test_it_reports_what_a_study_of_folders_reports(made, tmp_path):
    _, report = made
    single = run_study(mass_study(**{"records": None, "executor.runs_together": 1}), tmp_path)
    for ours, theirs in zip(report["runs"], single["runs"], strict=True):
        assert ours.keys() == theirs.keys()
        for name in ("name", "settings", "seed", "status"):
            assert ours[name] == theirs[name]
        for name in ("train_accuracy", "test_accuracy", "generalization_gap"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-9)
        for name, value in theirs["measures"].items():
            assert ours["measures"][name] == pytest.approx(value, rel=1e-5), name


class StopsAfter(StopRequest):
    """Asks to stop when it was looked at so many times."""

    def __init__(self, times):
        super().__init__()
        self.left = times

    def is_set(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.slow
def test_a_group_stopped_at_any_moment_ends_with_the_same_lines(made, tmp_path):
    workdir, _ = made
    plan = plan_study(mass_study().to_dict())
    storage = LineStorage(tmp_path, 3)
    job = storage.jobs(plan.runs, plan.runs)[0]
    job = job_from_json(job.to_json())
    assert isinstance(job, GroupJob)
    stopped = 0
    for times in range(20):
        try:
            job.make(StopsAfter(times), TOOLS)
            break
        except Interrupted:
            stopped += 1
            assert not shards(tmp_path)
    assert stopped >= 3  # before, between and after epochs, and among the measures
    found = contents(tmp_path)
    assert found == {name: contents(workdir)[name] for name in found}


@pytest.mark.slow
def test_damaged_lines_are_named_and_made_again_on_request(made, tmp_path):

    source, _ = made
    workdir = tmp_path / "copy"
    shutil.copytree(source, workdir)
    path = shards(workdir)[0]
    lines = path.read_text().splitlines()
    content = json.loads(lines[1])
    lines[0] = lines[0][: len(lines[0]) // 2]
    lines[1] = json.dumps(content | {"train_accuracy": 9000.0}, separators=(",", ":"))
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="2 of 8 runs are damaged, the first"):
        run_study(mass_study(), workdir)
    assert path.read_text().splitlines() == lines  # nothing is lost
    run_study(mass_study(rerun_damaged=True), workdir)
    sound = {line.run for path in shards(workdir) for line in read_shard(path) if not line.fault}
    assert sound == {run.name for run in planned(mass_study())}
    assert list((workdir / "records").glob("*.damaged1"))


@pytest.mark.slow
def test_groups_that_do_not_fit_in_memory_are_made_in_halves(tmp_path, monkeypatch):
    monkeypatch.setattr(group_loop, "available_memory", lambda: 0)
    compile_epoch = Group.compile
    monkeypatch.setattr(
        Group,
        "compile",
        lambda self, states: 0 * compile_epoch(self, states) + (len(self.configs) > 2),
    )
    plan = plan_study(mass_study().to_dict())
    job = LineStorage(tmp_path, 4).jobs(plan.runs, plan.runs)[0]
    outcome = job.make(StopRequest(), TOOLS)
    assert "in halves" in outcome.message
    assert len(shards(tmp_path)) == 2
    # What is left of the group is the same work as its second half.
    shards(tmp_path)[1].unlink()
    found = LineStorage(tmp_path, 4).read(plan.runs)
    pending = [each.run for each in found if each.pending]
    (rest,) = [j for j in LineStorage(tmp_path, 4).jobs(pending, plan.runs) if len(j.runs) == 2]
    assert set(rest.runs) < set(job.runs)


def test_groups_do_not_depend_on_what_is_over():
    runs = planned(mass_study(**{"grid.seed": (0, 1, 2)}))
    storage = LineStorage(Path("nowhere"), 5)
    for group in groups(runs, 5):
        assert len({group_key(run.config) for run in group}) == 1
        assert len(group) <= 5
    all_jobs = {job.name for job in storage.jobs(runs, runs)}
    done = set(storage.jobs(runs, runs)[0].runs)
    left = storage.jobs([run for run in runs if run.name not in done], runs)
    assert {job.name for job in left} == all_jobs - {storage.jobs(runs, runs)[0].name}


def test_all_that_is_compiled_is_in_the_key_and_no_number():
    (run, *_) = planned(mass_study())
    same = {"seed": 7, "learning_rate": 0.5, "momentum": 0.1, "label_noise": 0.4,
            "schedule_final_rate": 0.01, "warmup_epochs": 1}  # fmt: skip
    assert group_key(run.config.replaced(same)) == group_key(run.config)
    for other in ({"width": 9}, {"batch_size": 8}, {"mixup": 0.1}, {"train_examples": 30},
                  {"optimizer": "adam"}, {"regions.slices": 7}):  # fmt: skip
        assert group_key(run.config.replaced(other)) != group_key(run.config), other
    mixed = run.config.replaced({"mixup": 0.1})
    assert group_key(dataclasses.replace(mixed, mixup=0.3)) == group_key(mixed)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"records": "line"}, "unknown records 'line'; known: folders, lines"),
        ({"run": "0"}, "run must be empty with records = lines"),
        ({"executor.name": "commands"}, "executor.name cannot be commands"),
        (
            {"dataset": "imagenet2012", "measures.names": "", "variants.few.slices": None},
            "dataset = imagenet2012 stays on the disk",
        ),
        pytest.param(
            {"tracker": "wandb"},
            "tracker = wandb follows one run at a time",
            marks=pytest.mark.slow,  # with the extra [wandb]
        ),
    ],
)
def test_what_cannot_be_a_line_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        plan_study(mass_study(**fields).to_dict())


@pytest.mark.slow
def test_a_folder_keeps_one_config_and_one_kind_of_records(made, tmp_path):
    workdir, _ = made
    with pytest.raises(UserError, match="holds runs as lines"):
        run_study(small_study(), workdir)
    with pytest.raises(UserError, match=r"records of another study \(epochs: 2 -> 3\)"):
        run_study(mass_study(epochs=3), workdir)
    (tmp_path / "runs").mkdir()
    with pytest.raises(UserError, match="holds runs in folders"):
        run_study(mass_study(), tmp_path)
