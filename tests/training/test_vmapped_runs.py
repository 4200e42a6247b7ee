"""Runs trained side by side: the records of single runs, in the same folders."""

import json

import numpy as np
import pytest

from rcjax.errors import UserError
from rcjax.runtime import StopRequest
from rcjax.training import Interrupted, train
from rcjax.training.vmapped_runs import group_key, train_together

from .small_runs import small_config, small_run, train_undrawn

# Different subsets of the data, starts, rates and decays.
SETTINGS = (
    {"seed": 0, "learning_rate": 0.1},
    {"seed": 1, "learning_rate": 0.01, "weight_decay": 1e-2},
    {"seed": 1, "learning_rate": 0.1, "momentum": 0.5},
)
CONFIGS = [small_run(**settings) for settings in SETTINGS]


@pytest.fixture(scope="module")
def singles(tmp_path_factory):
    folders = [tmp_path_factory.mktemp("single") for _ in CONFIGS]
    return [train_undrawn(config, folder) for config, folder in zip(CONFIGS, folders, strict=True)]


def folders_in(path):
    return [path / str(number) for number in range(len(CONFIGS))]


def assert_same_records(folders, singles):
    for folder, single in zip(folders, singles, strict=True):
        record = json.loads((folder / "record.json").read_text())
        for name in ("config", "status", "versions"):
            assert record[name] == single[name]
        assert_close(record["epochs"], single["epochs"])
        assert_close(record["history"], single["history"])
        assert record["region_count"]["counts"] == single["region_count"]["counts"]
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == record["history"]
        assert (folder / "figures" / "segment.png").exists()


def assert_close(entries, others):
    """Equal up to the order in which sums are taken."""
    assert len(entries) == len(others)
    for entry, other in zip(entries, others, strict=True):
        assert entry.keys() == other.keys()
        for name in entry.keys() - {"region_count"}:
            np.testing.assert_allclose(entry[name], other[name], rtol=1e-4, err_msg=name)


def test_records_are_those_of_single_runs(singles, tmp_path):
    two, folders = CONFIGS[:2], folders_in(tmp_path)[:2]
    assert train_together(two, folders, StopRequest()) == 2
    assert_same_records(folders, singles[:2])
    records = [json.loads((folder / "record.json").read_text()) for folder in folders]
    assert [record["runs_together"] for record in records] == [2, 2]
    assert not any("runs_together" in single for single in singles)
    # A second time there is nothing left to do.
    assert train_together(two, folders, StopRequest()) == 0


@pytest.mark.slow
def test_group_that_was_interrupted_goes_on(singles, tmp_path, monkeypatch):
    class AfterTwoEpochs:
        asked = 0

        def is_set(self):
            self.asked += 1
            return self.asked > 2

    folders = folders_in(tmp_path)
    with pytest.raises(Interrupted, match="3 runs interrupted after 2 epochs"):
        train_together(CONFIGS, folders, AfterTwoEpochs())
    # One of them is taken further by itself, so that they stand at different epochs.
    train(CONFIGS[1], folders[1])
    assert train_together(CONFIGS, folders, StopRequest()) == 2
    assert_same_records(folders, singles)


def test_diverged_run_does_not_touch_the_others(singles, tmp_path):
    wild = small_run(learning_rate=1e30, seed=5)
    folders = [tmp_path / "wild", tmp_path / "tame"]
    assert train_together([wild, CONFIGS[0]], folders, StopRequest()) == 2
    assert json.loads((folders[0] / "record.json").read_text())["status"] == "diverged"
    assert_same_records(folders[1:], singles[:1])


@pytest.mark.slow
def test_folder_of_another_run_is_left_alone(tmp_path, capsys):
    folders = folders_in(tmp_path)
    train(small_config(epochs=1), folders[0])
    before = (folders[0] / "record.json").read_bytes()
    assert train_together(CONFIGS, folders, StopRequest()) == 2
    assert (folders[0] / "record.json").read_bytes() == before
    assert "left out: workdir" in capsys.readouterr().out


def test_runs_that_do_not_go_together_are_refused(tmp_path):
    configs = [small_run(), small_run(batch_size=16)]
    assert group_key(configs[0]) != group_key(configs[1])
    with pytest.raises(UserError, match="and in label noise only"):
        train_together(configs, [tmp_path / "a", tmp_path / "b"], StopRequest())
    assert not list(tmp_path.iterdir())
