"""A study says what it will cost, and its folder stays as it is."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from ml_collections import ConfigDict

from rcjax.config import RunConfig, command_of, run_config
from rcjax.errors import UserError
from rcjax.study import run_study
from rcjax.study.cost_jobs import CostJob
from rcjax.study.forecast import longest_first
from rcjax.study.group_jobs import job_from_json
from rcjax.study.programs import chosen, differing_fields, extrapolated, program_key
from rcjax.study.requested import Requested
from rcjax.training import Seconds
from rcjax.training.run_cost import RunCost, evaluations, saves
from rcjax.training.timing import time_part

from ..training.small_runs import launch, small_arguments, small_run
from .small_studies import UNDRAWN, small_study

COST = RunCost(
    parameters=10, examples=40, steps=2, timed_steps=2, slices=5, timed_slices=5, preparing=1.0,
    epoch=2.0, evaluation=3.0, count=4.0, saving=5.0, keeping=6.0,
)  # fmt: skip


def everything_below(folder):
    return {
        str(path): (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def test_a_study_that_has_begun_is_counted_and_left_as_it_is(tmp_path, capsys):
    config = small_study(**{"grid.learning_rate": (0.1,), "epochs": 4, "variants.more.slices": 7})
    first = small_study(**config.to_dict() | {"grid": {"learning_rate": (0.1,), "seed": (0,)}})
    run_study(first, tmp_path, tools=UNDRAWN)
    # The second run is one that was killed after half of its epochs.
    done, begun = (tmp_path / "runs" / f"learning_rate=0.1,seed={seed}" for seed in (0, 1))
    (begun / "checkpoints" / "4").mkdir(parents=True)
    before = everything_below(tmp_path)
    with config.unlocked():
        config.dry_run = True
    told = run_study(config, tmp_path)
    assert everything_below(tmp_path) == before
    assert told["counts"] == {"runs": 2, "over": 1, "damaged": 0, "classical": 0}
    (program,) = told["programs"]
    assert (program["runs"], program["begun"], program["epochs_done"]) == (1, 1, 2.0)
    files = [file for file in (done / "checkpoints").rglob("*") if file.is_file()]
    real = sum(math.ceil(file.stat().st_size / 4096) * 4096 for file in files)
    assert told["disk"]["checkpoints"] == pytest.approx(real, rel=0.2)
    assert told["seconds"] == pytest.approx(sum(vars(Seconds(**told["work"])).values()))
    out = capsys.readouterr().out
    assert "2 runs: 1 over, 1 begun, 0 to begin; 2 of 4 epochs are done" in out
    assert f"nothing was written in {tmp_path}" in out


def test_a_run_is_planned_and_no_folder_made(tmp_path, capsys):
    arguments = small_arguments(tmp_path / "run", dry_run="true")
    outcome = launch(capsys, arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert "1 run: 0 over, 1 to begin; 0 of 4 epochs" in outcome.out
    assert "2 of 2 steps of an epoch, 5 of 5 slices" in outcome.out
    assert not list(tmp_path.iterdir())


def test_fields_of_the_command_are_none_of_the_run():
    command, rest = command_of(ConfigDict({"epochs": 3, "dry_run": False}))
    assert not command.dry_run
    assert run_config(rest) == RunConfig(epochs=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config=analyze"], "experiment = analyze makes none, leave dry_run out"),
        (["--config=edge_of_stability"], "experiment = edge_of_stability makes none"),
        (["--config=classical"], "fitted in one go"),
        (["--config=table1_digits", "--config.report_only=true"], "leave out dry_run"),
        (["--config=digits", "--config.dry_runs=1"], "did you mean dry_run"),
        (["--config=digits", "--config.dry_run=maybe"], "takes true or false, got 'maybe'"),
    ],
)
def test_where_nothing_can_be_planned_one_line_says_so(tmp_path, capsys, arguments, message):
    words = ["launch.py", f"--workdir={tmp_path / 'x'}", "--config.dry_run=true", *arguments]
    outcome = launch(capsys, words)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert message in outcome.err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"executor.name": "processes", "executor.workers": 2},
        {"executor.runs_together": 4},
        {"executor.runs_together": 4, "records": "lines"},
        {"executor.name": "commands"},
    ],
)
def test_every_executor_measures_its_runs(tmp_path, fields):
    requests = {"measures.names": "parameter_norm,seed_disagreement", "variants.more.slices": 7}
    workdir = tmp_path / "study"
    told = run_study(small_study(dry_run=True, **requests, **fields), workdir)
    (program,) = told["programs"]
    assert program["cost"]["together"] == fields.get("executor.runs_together", 1)
    assert told["workers"] == {"processes": 2, "commands": 0}.get(told["executor"], 1)
    assert all(value > 0 for name, value in told["work"].items() if name != "keeping")
    assert not workdir.exists()


def test_evaluations_and_checkpoints_are_those_of_the_loop():
    for epochs, every in itertools.product(range(8), range(1, 5)):
        config = dataclasses.replace(
            RunConfig(epochs=epochs, checkpoint_every=every),
            regions=dataclasses.replace(RunConfig().regions, every=every),
        )
        for done in range(epochs + 1):
            after = [e for e in range(done + 1, epochs + 1) if e % every == 0 or e == epochs]
            assert evaluations(config, done) == len(after) + (done == 0)
            assert saves(config, done) == (len(after) if epochs else 1)


def test_the_seconds_of_a_run_are_those_of_its_parts():
    config = small_run(epochs=4, **{"regions.every": 2, "checkpoint_every": 2})
    assert COST.seconds(config) == Seconds(1.0, 8.0, 9.0, 12.0, 0.0, 16.0)
    assert COST.seconds(config, done=3) == Seconds(1.0, 2.0, 3.0, 4.0, 0.0, 11.0)


def test_costs_of_programs_follow_from_their_fields():
    programs = [
        {"network": network, "width": width, "batch_size": batch}
        for network in ("mlp", "cnn")
        for width in (4, 8, 16)
        for batch in (10, 20, 40)
    ]

    def cost(network, width, batch_size):
        factor = 3.0 if network == "cnn" else 1.0
        return dataclasses.replace(COST, epoch=factor * width**1.5 / batch_size, parameters=7)

    measured = {number: cost(**programs[number]) for number in chosen(len(programs), 8)}
    for found, fields in zip(extrapolated(measured, programs), programs, strict=True):
        assert found.epoch == pytest.approx(cost(**fields).epoch)
        assert found.parameters == 7
        assert found.after == COST.after


def test_programs_differ_in_what_is_compiled_and_in_nothing_that_multiplies():
    runs = [small_run(), small_run(epochs=9, seed=3, learning_rate=0.5), small_run(width=9)]
    keys = [program_key(run) for run in runs]
    assert keys[0] == keys[1] != keys[2]
    assert differing_fields([keys[0], keys[2]]) == [{"width": 8}, {"width": 9}]


def test_a_part_grows_until_it_tells_enough_and_the_whole_follows():
    parts = []
    assert time_part(parts.append, 1000, enough=0.0).done == 4
    assert time_part(parts.append, 1000, enough=60.0).done == 1000
    assert np.all(np.diff(parts[2:]) >= 0)


def test_workers_take_the_longest_first():
    random = np.random.default_rng(0)
    for _ in range(20):
        jobs, workers = random.integers(1, 50, 6).tolist(), 3
        best = min(
            max(np.bincount(places, jobs, workers))
            for places in itertools.product(range(workers), repeat=len(jobs))
        )
        assert best <= longest_first(jobs, workers) <= (4 / 3 - 1 / 9) * best  # Graham 1969


def test_a_job_that_measures_goes_to_another_process():
    job = CostJob("p", "/x", (small_run(), small_run(seed=1)), Requested(("path_norm",)), True)
    assert job_from_json(job.to_json()) == job


def test_what_cannot_be_measured_says_why(tmp_path):
    config = small_study(dry_run=True, batch_size=10_000)
    with pytest.raises(UserError, match="batch_size must be at most the 40 training examples"):
        run_study(config, tmp_path / "study")
