"""The folder of a run: what is refused when its files are damaged or its name cannot be used."""

import errno
import json

import pytest

from rcjax.config import run_config
from rcjax.errors import UserError
from rcjax.training import train
from rcjax.training.record import run_workdir

from ..test_launch import assert_refused
from ..training.small_runs import launch, small_arguments, small_config

RECORD = {
    "config": json.loads(json.dumps(small_config().to_dict())),
    "status": "diverged",
    "region_count": {"mean": None, "standard_error": None, "counts": None},
    "epochs": [],
}


def folder_of_a_run(path, record):
    (path / "config.json").write_text(json.dumps(small_config().to_dict()))
    (path / "record.json").write_text(record)
    return path


def test_record_of_a_finished_run_is_read(tmp_path):
    folder_of_a_run(tmp_path, json.dumps(RECORD))
    assert run_workdir(tmp_path, run_config(small_config())).finished_record() == RECORD


@pytest.mark.parametrize(
    "record",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        "[" * 100_000,
        json.dumps({**RECORD, "status": "running"}),
        json.dumps({**RECORD, "status": []}),
        json.dumps({**RECORD, "config": None}),
        json.dumps({**RECORD, "status": "completed"}),
    ],
    ids=lambda record: record[:20],
)
def test_damaged_record_is_refused_and_kept(tmp_path, capsys, record):
    folder_of_a_run(tmp_path, record)
    outcome = launch(capsys, small_arguments(tmp_path))
    assert_refused(outcome, "record.json is damaged", "remove it, or choose another workdir")
    assert (tmp_path / "record.json").read_text() == record


@pytest.mark.parametrize("config", ["null", "3", "{"])
def test_damaged_config_is_refused(tmp_path, capsys, config):
    folder_of_a_run(tmp_path, json.dumps(RECORD))
    (tmp_path / "config.json").write_text(config)
    outcome = launch(capsys, small_arguments(tmp_path))
    assert_refused(outcome, "config.json is damaged", "restore it, or choose another workdir")


def test_record_that_is_a_folder_is_refused(tmp_path):
    folder_of_a_run(tmp_path, "").joinpath("record.json").unlink()
    (tmp_path / "record.json").mkdir()
    with pytest.raises(UserError, match=r"record\.json cannot be read"):
        train(small_config(), tmp_path)


def test_name_that_is_too_long_is_refused(tmp_path, capsys):
    outcome = launch(capsys, small_arguments(tmp_path / ("x" * 300)))
    assert_refused(outcome, "File name too long", "choose another one")


def test_run_that_another_process_ended_meanwhile_is_not_run_again(tmp_path):
    def end_it_meanwhile(config, dataset):
        folder_of_a_run(tmp_path, json.dumps(RECORD))  # and nothing is computed here

    assert train(small_config(), tmp_path, make=end_it_meanwhile) == RECORD


def test_folder_from_before_a_field_came_into_being(tmp_path):
    older = json.loads(json.dumps(small_config().to_dict()))
    del older["regions"]["extent"], older["normalization_mean"]
    folder_of_a_run(tmp_path, json.dumps(RECORD))
    (tmp_path / "config.json").write_text(json.dumps(older))
    assert run_workdir(tmp_path, run_config(small_config())).finished_record() == RECORD
    changed = small_config(**{"regions.extent": (-1.0, 2.0)}).to_dict()
    with pytest.raises(UserError, match=r"regions.extent: \[0.0, 1.0\] -> \[-1.0, 2.0\]"):
        run_workdir(tmp_path, run_config(changed)).finished_record()


def test_how_a_run_is_made_may_change_but_not_what(tmp_path):
    config = small_config().to_dict()
    (tmp_path / "config.json").write_text(json.dumps(config))
    moved = {**config, "data_dir": "elsewhere", "checkpoint_every": 7, "keep_checkpoints": 9}
    moved["regions"] = {**config["regions"], "batch_size": 50}
    moved["streaming"] = {**config["streaming"], "processes": 4, "checkpoint_steps": 100}
    assert run_workdir(tmp_path, run_config(moved)).finished_record() is None
    moved["regions"]["points"] = 77
    with pytest.raises(UserError, match=r"another config \(regions.points: \d+ -> 77\); choose"):
        run_workdir(tmp_path, run_config(moved)).finished_record()


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("rcjax.runtime.claim.fcntl.flock", flock)
    claim = run_workdir(tmp_path, run_config(small_config())).claimed()
    with pytest.raises(UserError, match="cannot lock files"), claim:
        raise AssertionError("claimed")
