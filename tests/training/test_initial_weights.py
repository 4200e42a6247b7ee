"""Counting and fine-tuning from checkpoints of PyTorch and of other runs."""

import hashlib
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from rcjax.config import run_config
from rcjax.errors import UserError
from rcjax.models import create
from rcjax.models.torch_state_dict import torch_state_dict_of
from rcjax.training.checkpoints import newest_network
from rcjax.training.finished_run import load_finished_run

from .small_runs import STEPS, damage, launch, small_arguments, small_config, train_undrawn

COUNT = {"epochs": 0, "batch_size": 256}  # of more images than there are; nothing is trained


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder and record of a run of two epochs."""
    workdir = tmp_path_factory.mktemp("trained")
    return workdir, train_undrawn(small_config(epochs=2), workdir)


@pytest.fixture(scope="module")
def torch_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "mlp.safetensors"
    save_file(state_dict(width=8, seed=3), path)
    return path


def state_dict(**shape):
    model = create("mlp", channels=1, image_size=8, **shape)
    return {f"module.{key}": array.copy() for key, array in torch_state_dict_of(model).items()}


def outcome_of(record):
    return [record[name] for name in ("train_accuracy", "test_accuracy", "region_count")]


def test_count_of_another_run_is_that_runs_count(trained, tmp_path, capsys, monkeypatch):
    source, original = trained
    monkeypatch.setenv("HOME", str(source.parent))
    source = Path("~", source.name)
    # The optimizer need not be that of the run.
    arguments = small_arguments(tmp_path, checkpoint=source, optimizer="adam", **COUNT)
    outcome = launch(capsys, arguments)
    assert outcome.code == 0, outcome.err
    record = json.loads((tmp_path / "record.json").read_text())
    assert outcome_of(record) == outcome_of(original)
    assert record["status"] == "completed"
    assert [entry["epoch"] for entry in record["history"]] == [0]
    assert record["epochs"] == []
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"segment.png"}
    again = launch(capsys, arguments)
    assert again.code == 0
    assert "region count" in again.out


def test_count_of_a_file_of_pytorch(torch_file, tmp_path):
    config = small_config(checkpoint=str(torch_file), **COUNT)
    record = train_undrawn(config, tmp_path)
    run = load_finished_run(run_config(config), tmp_path)
    expected = state_dict(width=8, seed=3)
    weight = np.asarray(run.state["parameters"]["layers"]["0"]["weight"])
    np.testing.assert_array_equal(weight, expected["module.layers.0.weight"].T)
    assert record["checkpoint"]["path"] == str(torch_file)
    assert record["checkpoint"]["sha256"] == hashlib.sha256(torch_file.read_bytes()).hexdigest()
    jax.tree.map(
        np.testing.assert_array_equal, run.state["parameters"], run.initial_state["parameters"]
    )


def test_count_of_an_untrained_network(tmp_path):
    record = train_undrawn(small_config(epochs=0), tmp_path / "count")
    trained = train_undrawn(small_config(epochs=1), tmp_path / "trained")
    entries = [record["history"][0], trained["history"][0]]
    first, second = ({**entry, "learning_rate": None} for entry in entries)
    assert first == second
    assert "checkpoint" not in record


def test_fine_tuning_begins_with_the_checkpoint(trained, tmp_path):
    source, original = trained
    record = train_undrawn(
        small_config(checkpoint=str(source), epochs=1, learning_rate=0.01), tmp_path
    )
    assert record["history"][0]["train_loss"] == original["history"][-1]["train_loss"]
    assert record["history"][1]["train_loss"] != record["history"][0]["train_loss"]


def test_changed_checkpoint_is_noticed(torch_file, tmp_path, capsys):
    path = tmp_path / "own.safetensors"
    shutil.copy(torch_file, path)
    arguments = small_arguments(tmp_path / "run", checkpoint=path, **COUNT)
    assert launch(capsys, arguments).code == 0
    # A run that was killed before its record was written is as careful.
    (tmp_path / "run" / "record.json").rename(tmp_path / "record.json")
    save_file(state_dict(width=8, seed=4), path)
    for _ in range(2):
        outcome = launch(capsys, arguments)
        assert outcome.code == 2
        assert "is not the one any more that workdir" in outcome.err
        assert outcome.err.count("\n") == 1
        if (tmp_path / "record.json").exists():
            (tmp_path / "record.json").rename(tmp_path / "run" / "record.json")
    path.unlink()
    assert launch(capsys, arguments).code == 0  # the record is there all the same


def test_without_its_beginning_a_run_goes_on_from_its_own_checkpoints(torch_file, tmp_path):
    path = tmp_path / "own.safetensors"
    shutil.copy(torch_file, path)
    config = small_config(checkpoint=str(path), epochs=2)
    record, workdir = train_undrawn(config, tmp_path / "run"), tmp_path / "run"
    (workdir / "record.json").unlink()
    shutil.rmtree(workdir / "checkpoints" / str(2 * STEPS))
    path.unlink()
    assert train_undrawn(config, workdir) == record  # from the first epoch on
    run = load_finished_run(run_config(config), workdir)
    with pytest.raises(UserError, match="there is no file or folder"):
        _ = run.initial_state
    save_file(state_dict(width=8, seed=4), path)
    with pytest.raises(UserError, match="is not the one any more"):
        load_finished_run(run_config(config), workdir)


def test_what_is_no_checkpoint_of_this_network_is_refused(trained, torch_file, tmp_path, capsys):
    source, _ = trained
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    cases = [
        ({"checkpoint": tmp_path / "none.pth"}, "there is no file or folder"),
        ({"checkpoint": tmp_path / ("x" * 300)}, "there is no file or folder"),
        ({"checkpoint": "~nosuchuser/a.pth"}, "the home folder of an unknown user"),
        ({"checkpoint": "hf:org/net"}, "write hf:ORG/NAME/FILE@REVISION"),
        ({"checkpoint": "/dev/zero"}, "a device instead of a file"),
        ({"checkpoint": nothing}, "holds no checkpoint of rcjax"),
        ({"checkpoint": torch_file, "width": 9}, "layers.0.weight [8, 64] instead of [9, 64]"),
        (
            {"checkpoint": source, "width": 9},
            "mis-shaped parameters.layers.0.bias [8] instead of [9]",
        ),
    ]
    for fields, words in cases:
        outcome = launch(capsys, small_arguments(tmp_path / "run", **COUNT, **fields))
        assert outcome.code == 2
        assert words in outcome.err
        assert outcome.err.count("\n") == 1
        assert not (tmp_path / "run" / "config.json").exists()


def test_damaged_newest_checkpoint_is_passed_over_and_left(trained, tmp_path):
    source = shutil.copytree(trained[0], tmp_path / "copy")
    before, _ = newest_network(source / "checkpoints" / ".." / "checkpoints")
    first, _ = newest_network(source / "checkpoints" / str(STEPS))
    newest = source / "checkpoints" / str(2 * STEPS)
    damage(newest)
    after, _ = newest_network(source)
    name = "parameters.layers.0.weight"
    assert (before[name] != after[name]).any()
    np.testing.assert_array_equal(first[name], after[name])
    with pytest.raises(UserError, match="holds no checkpoint that can be read"):
        newest_network(newest)
    assert newest.is_dir()
    shutil.rmtree(source / "checkpoints" / str(STEPS))
    with pytest.raises(UserError, match="holds no checkpoint that can be read"):
        newest_network(source)
