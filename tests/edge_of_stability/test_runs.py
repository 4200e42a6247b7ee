"""The experiment as a whole: seeds, divergence, resuming, bad input."""

import contextlib
import json
import math
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from rcjax.config.loading import load_config
from rcjax.config.overrides import apply_overrides
from rcjax.edge_of_stability import loop
from rcjax.edge_of_stability.config import typed_config
from rcjax.edge_of_stability.measuring import Experiment
from rcjax.edge_of_stability.state import load
from rcjax.edge_of_stability.validation import check_config
from rcjax.errors import UserError
from rcjax.experiments import run_experiment
from rcjax.launch import main
from rcjax.runtime.interruption import Interrupted

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = {
    "steps": "40",
    "measurements": "4",
    "seeds": "2",
    "learning_rates.count": "3",
    "network.width": "8",
    "data.points": "5",
    "sharpness_iterations": "10",
    "learning_rates.smallest": "0.1",
    "learning_rates.largest": "100",
}


def small_config(size="quick", name="edge_of_stability", **fields):
    config = load_config(f"{REPOSITORY}/configs/{name}.py:{size}")
    apply_overrides(config, {**SMALL, **fields} if name == "edge_of_stability" else fields)
    return config


def typed(**fields):
    return typed_config(small_config(**fields).to_dict())


WHOLE = {"batch_sizes": "2, all"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder and record of a run that nothing disturbed. Read only."""
    workdir = tmp_path_factory.mktemp("finished") / "run"
    return workdir, run_experiment(small_config(**WHOLE), workdir)


def test_a_run_is_recorded(finished):
    workdir, record = finished
    assert json.loads((workdir / "record.json").read_text()) == record
    assert run_experiment(small_config(**WHOLE), workdir) == record  # over, not run again

    # The larger rates diverge at once: counted and listed, with nothing made up for them.
    assert len(record["runs"]) == 12
    assert sum(record["totals"].values()) == 12
    diverged = [row for row in record["runs"] if row["status"] == "diverged"]
    assert {round(row["learning_rate"], 1) for row in diverged} == {3.2, 100.0}
    assert len(diverged) == record["totals"]["diverged"] == 8
    assert all(row["loss"] is None and row["regions"] is None for row in diverged)
    along = record["bound"]["along_training"]
    assert along["measurements"] >= 16  # of the runs that did not diverge: 4, at 4 steps each
    assert along["against_the_inequality_for_every_network"] == 0
    names = {path.name for path in (workdir / "figures").iterdir()}
    assert names == {"counts.png", "sharpness.png", "variation.png", "functions.png"}


def test_other_seeds_are_other_runs():
    first, second = (Experiment(typed(seed=seed)).initial_parameters() for seed in ("0", "1"))
    starts = np.asarray(first["hidden_weight"])
    assert not np.array_equal(starts, second["hidden_weight"])
    assert not np.array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(starts[0], starts[2])  # the same seed at the next rate


def test_runs_together_are_runs_alone():
    experiment = Experiment(typed(batch_sizes="2"))
    parameters = experiment.initial_parameters()
    together = experiment.advance(parameters, 0, np.array([True] * 5 + [False]))
    alone = Experiment(typed(batch_sizes="2", **{"learning_rates.count": "1", "seeds": "1"}))
    single = alone.advance(alone.initial_parameters(), 0, np.array([True]))
    for name, leaf in single.items():
        np.testing.assert_allclose(together[name][0], leaf[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(together[name][5], parameters[name][5])  # not active


def test_interrupted_run_ends_the_same(finished, tmp_path, monkeypatch):
    undisturbed, record = finished

    class AfterTwo:
        asked = 0

        def is_set(self):
            self.asked += 1
            return self.asked > 2

    with monkeypatch.context() as patched:
        patched.setattr(loop, "stop_requests", lambda: contextlib.nullcontext(AfterTwo()))
        with pytest.raises(Interrupted, match="after 20 steps, all saved"):
            run_experiment(small_config(**WHOLE), tmp_path)
    assert not (tmp_path / "record.json").exists()
    assert run_experiment(small_config(**WHOLE), tmp_path) == record
    lines = [(folder / "metrics.jsonl").read_text() for folder in (undisturbed, tmp_path)]
    assert lines[0] == lines[1]


@pytest.mark.slow
@pytest.mark.parametrize("size", ["toys_exponential", "points", "digits"])
def test_other_data(size, tmp_path):
    points = {"toys_exponential": "3"}.get(size, "5")
    record = run_experiment(small_config(size, **{"data.points": points}), tmp_path)
    assert record["status"] == "completed"
    pictures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert ("boundaries.png" in pictures) == (size == "toys_exponential")


def test_gradient_descent_on_one_weight():
    experiment = Experiment(
        typed_config(load_config(f"{REPOSITORY}/configs/edge_of_stability.py:one_weight").to_dict())
    )
    start = experiment.initial_parameters()
    moved = experiment.advance(start, 0, np.full(2, True))
    for rate, found in zip((2.0, 1e5), moved["weight"], strict=True):
        weight = 0.0
        for _ in range(20):
            weight += rate * math.exp(-weight)
        assert found == pytest.approx(weight, rel=1e-6)
    assert experiment.measure(start)["regions"].tolist() == [1, 1]  # the output is 0 everywhere
    measured = experiment.measure(moved)
    assert measured["regions"].tolist() == [2, 2]
    # The second derivative of exp(-weight) is the loss itself.
    np.testing.assert_allclose(measured["sharpness"], measured["loss"], rtol=1e-5)


@pytest.mark.slow
def test_convolutional_network(tmp_path):
    record = run_experiment(small_config(name="edge_of_stability_digits"), tmp_path)
    assert record["status"] == "completed"
    assert all(row["regions"] >= 1 for row in record["runs"])


@pytest.mark.slow
def test_sharpness_settles_at_the_edge(tmp_path):
    fields = {
        "steps": "20000",
        "learning_rates.count": "1",
        "learning_rates.smallest": "0.08",
        "network.width": "50",
        "data.points": "8",
        "sharpness_iterations": "40",
        "measurements": "20",
    }
    record = run_experiment(small_config(**fields), tmp_path)
    for row in record["runs"]:
        assert row["sharpness_times_rate_half"] == pytest.approx(1, abs=0.1)
        assert not row["violates_bound"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"learning_rates.smallest": "0"}, "learning_rates.smallest must be positive, got 0.0"),
        ({"learning_rates.smallest": "-0.1"}, "learning_rates.smallest must be positive"),
        ({"learning_rates.largest": "0.01"}, "is above learning_rates.largest=0.01"),
        ({"learning_rates.largest": "nan"}, "takes a finite number, got nan"),
        ({"data.points": "1"}, "data.points must be at least 2, got 1"),
        ({"loss": "hinge"}, "unknown loss 'hinge'.*known: squared, logistic, exponential"),
        ({"data.name": "spiral"}, "unknown data.name 'spiral'; known: line"),
        ({"data.name": "digits"}, "network.name='two_layer' does not go with data.name='digits'"),
        ({"data.dim": "2"}, "data 'line' has data.dim=1, got 2"),
        ({"data.name": "three_points", "data.dim": "2"}, "has data.points=3, got 5"),
        ({"batch_sizes": "few"}, "numbers and 'all' between commas, got 'few'"),
        ({"batch_sizes": "6"}, "batch size 6 is not in 1 .. 5"),
        ({"batch_sizes": "5, all"}, "batch size 5 is given twice"),
        ({"measurements": "7"}, "must be a multiple of measurements=7"),
        ({"network.name": "one_weight"}, "does not go with data.name='line'"),
        ({"size": "one_weight"}, "network 'one_weight' has seeds=1, got 2"),
        ({"bound.center": "1.5"}, "bound.center must be at most 1"),
    ],
)
def test_bad_input_is_one_clear_line(fields, message):
    with pytest.raises(UserError, match=message) as raised:
        check_config(small_config(**fields).to_dict())
    assert "\n" not in str(raised.value)


def test_more_digits_than_there_are(tmp_path):
    with pytest.raises(UserError, match=r"more than the \d+ training images"):
        run_experiment(small_config("digits", **{"data.points": "5000"}), tmp_path)


def test_the_command_line_runs_it_and_names_errors(finished, tmp_path, capsys):
    arguments = [f"--config.{name}={value}" for name, value in {**SMALL, **WHOLE}.items()]
    command = ["launch.py", f"--config={REPOSITORY}/configs/edge_of_stability.py:quick"]
    assert main([*command, f"--workdir={finished[0]}", *arguments]) == 0  # prints its record
    assert "sharpness * rate / 2" in capsys.readouterr().out
    assert main([*command, f"--workdir={tmp_path / 'bad'}", "--config.loss=hinge"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown loss 'hinge'")
    assert not (tmp_path / "bad").exists()


def test_damaged_checkpoint(finished, tmp_path):
    workdir = shutil.copytree(finished[0], tmp_path / "run")
    (workdir / "record.json").unlink()
    path = workdir / "checkpoints" / "state.npz"
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    path.write_bytes(b"not a file")
    with pytest.raises(UserError, match="is damaged"):
        run_experiment(small_config(**WHOLE), workdir)
    for place in random.integers(0, len(whole), 100).tolist():  # cut, or one bit changed
        changed = bytearray(whole[:place] if place % 2 else whole)
        if not place % 2:
            changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        with contextlib.suppress(UserError):
            load(path)


def test_compiled_once_for_all_measurements(tmp_path):
    with jax.log_compiles(False):
        experiment = Experiment(typed())
        parameters = experiment.initial_parameters()
        active = np.full(len(experiment.runs), True)
        for step in (0, 10, 20):
            parameters = experiment.advance(parameters, step, active)
        (advance,) = experiment._advance.values()
        assert advance._cache_size() == 1
