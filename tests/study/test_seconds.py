"""The seconds of runs are kept beside their records, and the report adds them up."""

import dataclasses
import json

import pytest

from rcjax.study import run_study
from rcjax.study.storage import storage_of
from rcjax.training import SECONDS_FILE, Seconds, Stopwatch, read_seconds

from .small_studies import UNDRAWN, plan_study, planned, small_study


def test_every_lap_is_counted_once_and_processes_add_up(tmp_path):
    file = tmp_path / SECONDS_FILE
    for _ in range(2):  # a run that was interrupted
        watch = Stopwatch(file)
        watch.add("training", 3.0)
        watch.write()
        watch.add("counting", 0.5)
        watch.write()
    assert read_seconds(file) == Seconds(training=6.0, counting=1.0)


def test_runs_in_turn_divide_one_clock(tmp_path):
    clock = Stopwatch(None)
    watches = [Stopwatch(tmp_path / name, clock) for name in "ab"]
    clock._clock.last -= 100.0
    watches[0].lap("training")
    watches[1].lap("training")
    assert watches[0].spent.training >= 100.0 > watches[1].spent.training


@pytest.mark.parametrize("text", ["{", "[]", '{"training": 1}', '{"training": "x"}', ""])
def test_a_file_that_says_nothing_stops_nothing(tmp_path, text):
    file = tmp_path / SECONDS_FILE
    file.write_text(text)
    assert read_seconds(file) is None
    watch = Stopwatch(file)
    watch.add("training", 1.0)
    watch.write()
    assert read_seconds(file) == Seconds(training=1.0)


def check_sums(config, workdir, report):
    plan = plan_study(config.to_dict())
    found = storage_of(plan, workdir).seconds(plan.runs)
    assert found.keys() == {run.name for run in planned(config)}
    total = dataclasses.asdict(Seconds.sum(found.values()))
    assert report["seconds"]["runs"] == len(found)
    assert report["seconds"]["total"] == pytest.approx(sum(total.values()))
    for name, value in total.items():
        assert report["seconds"][name] == pytest.approx(value)
        assert value > 0, name


def test_a_study_adds_up_what_its_runs_took(tmp_path, capsys):
    config = small_study(**{"measures.names": "parameter_norm", "variants.more.slices": 7})
    report = run_study(config, tmp_path, tools=UNDRAWN)
    check_sums(config, tmp_path, report)
    assert "4 runs took 0." in capsys.readouterr().out
    files = {path: path.read_bytes() for path in tmp_path.glob("runs/*/*.json")}
    again = run_study(config, tmp_path, tools=UNDRAWN)
    assert again["seconds"] == report["seconds"]
    assert files == {path: path.read_bytes() for path in files}
    assert not any("seconds" in json.loads(path.read_text()) for path in files)


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"records": "lines"}])
def test_so_does_one_of_runs_that_train_together(tmp_path, fields):
    requests = {"measures.names": "parameter_norm", "variants.more.slices": 7}
    config = small_study(**{"executor.runs_together": 4}, **requests, **fields)
    check_sums(config, tmp_path, run_study(config, tmp_path, tools=UNDRAWN))
