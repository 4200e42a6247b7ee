"""A study whose runs are trained together: the same records, and the same messages."""

import json
from pathlib import Path

import pytest

from rcjax.errors import UserError
from rcjax.experiments import run_experiment
from rcjax.study import run_study
from rcjax.study.executors import in_process
from rcjax.study.executors.in_process import groups
from rcjax.study.jobs import make_job

from .small_studies import UNDRAWN, planned, small_study

TOGETHER = {"executor.runs_together": 3}
GRID = {"grid.batch_size": (16, 32), "grid.learning_rate": (0.1, 0.01), "grid.seed": (0, 1)}


def test_runs_of_equal_batch_size_go_together():
    jobs = [make_job(run, "nowhere") for run in planned(small_study(**GRID))]
    sizes = [[job.config.batch_size for job in group] for group in groups(jobs, 3)]
    assert sorted(sizes) == [[16], [16, 16, 16], [32], [32, 32, 32]]
    assert [job for group in groups(jobs, 1) for job in group] == jobs


@pytest.mark.slow
def test_study_together_makes_the_records_of_single_runs(tmp_path):
    run_experiment(small_study(), tmp_path / "alone")
    run_experiment(small_study(**TOGETHER), tmp_path / "together")
    alone = sorted((tmp_path / "alone" / "runs").glob("*/record.json"))
    assert len(alone) == 4
    for path in alone:
        theirs = Path(str(path).replace("alone", "together"))
        first, second = (json.loads(each.read_text()) for each in (path, theirs))
        assert first["config"] == second["config"]
        assert first["region_count"]["counts"] == second["region_count"]["counts"]
        assert first["history"][-1]["train_loss"] == pytest.approx(
            second["history"][-1]["train_loss"], rel=1e-4
        )
    logs = (tmp_path / "together" / "logs").glob("together_*.txt")
    assert any("3 runs together" in log.read_text() for log in logs)


def test_a_group_that_cannot_be_written_is_not_trained_one_by_one(tmp_path, monkeypatch):
    """Its runs would differ in their last digits from those of a study that nothing disturbed."""

    def refuse(*_):
        raise UserError("no space left for workdir W")

    monkeypatch.setattr(in_process, "train_together", refuse)
    with pytest.raises(UserError, match=r"4 of 4 runs are incomplete.*no space left"):
        run_study(
            small_study(**{"executor.runs_together": 2}), tmp_path, tools=UNDRAWN,
        )  # fmt: skip
    assert not list(tmp_path.glob("runs/*"))


def test_only_the_executor_that_can_takes_it(tmp_path):
    study = small_study(**TOGETHER, **{"executor.name": "processes"})
    with pytest.raises(UserError, match=r"runs_together must be 1 with executor\.name = processes"):
        run_experiment(study, tmp_path)
