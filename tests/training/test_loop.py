"""Whole runs: what they leave, and that an interruption changes nothing."""

import gc
import json
import os
import shutil
import signal
import threading

import jax
import numpy as np
import pytest

from rcjax.config import run_config
from rcjax.data import load
from rcjax.errors import UserError
from rcjax.regions.classifier import programs
from rcjax.training import Interrupted, train
from rcjax.training.checkpoints import Checkpoints
from rcjax.training.experiment import Experiment
from rcjax.training.pace import Pace
from rcjax.training.record import run_workdir

from .small_runs import (
    STEPS,
    damage,
    launch,
    small_arguments,
    small_config,
    small_run,
    train_undrawn,
    undrawn,
)

# What orbax still had in hand when a file was cut; it surfaces whenever garbage is collected, in a
# later test as well. A process of the command line keeps quiet about it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder and the record of a run that nothing disturbed."""
    workdir = tmp_path_factory.mktemp("finished")
    return workdir, train(small_config(), workdir)


def final_parameters(workdir, config):
    """The arrays of the newest checkpoint."""
    experiment = Experiment(config, load("digits", train_examples=config.train_examples))
    checkpoints = Checkpoints(workdir / "checkpoints", config.keep_checkpoints)
    restored, messages = checkpoints.restore_newest(experiment.initial_state())
    checkpoints.close()
    assert not messages
    return jax.device_get((restored.state["parameters"], restored.state["optimizer_state"]))


def assert_same_outcome(workdir, finished, config=None):
    """Bit for bit: files and parameters."""
    for name in ("record.json", "metrics.jsonl", "config.json"):
        assert (workdir / name).read_bytes() == (finished / name).read_bytes(), name
    jax.tree.map(
        np.testing.assert_array_equal,
        final_parameters(workdir, config or small_config()),
        final_parameters(finished, config or small_config()),
    )


@pytest.mark.parametrize(
    "setting",
    [
        lambda: jax.transfer_guard("disallow"),
        lambda: jax.disable_jit(True),
        lambda: jax.default_prng_impl("rbg"),
        pytest.param(lambda: jax.threefry_partitionable(False), marks=pytest.mark.slow),
        lambda: jax.enable_x64(True),
        lambda: jax.numpy_dtype_promotion("strict"),
    ],
    ids=["transfer_guard", "disable_jit", "prng_impl", "threefry", "x64", "promotion"],
)
def test_a_users_settings_of_jax_change_nothing(setting, finished, tmp_path):
    with setting():
        train_undrawn(small_config(), tmp_path)
    assert_same_outcome(tmp_path, finished[0])


def test_record_and_files(finished):
    workdir, record = finished
    assert record == json.loads((workdir / "record.json").read_text())
    assert record["status"] == "completed"
    assert record["config"] == json.loads(json.dumps(small_config().to_dict()))
    assert [entry["epoch"] for entry in record["history"]] == [0, 2, 4]
    assert [entry["epoch"] for entry in record["epochs"]] == [1, 2, 3, 4]
    newest = record["history"][-1]
    assert newest["learning_rate"] == pytest.approx(0, abs=1e-17)
    for name in ("train_accuracy", "test_accuracy", "generalization_gap"):
        assert record[name] == newest[name]
    gap = record["train_accuracy"] - record["test_accuracy"]
    assert record["generalization_gap"] == pytest.approx(gap)
    counts = record["region_count"].pop("counts")
    assert record["region_count"] == newest["region_count"]
    assert record["region_count"]["mean"] == pytest.approx(np.mean(counts))
    assert len(counts) == 5
    assert {"rcjax", "jax", "numpy", "python", "platform", "cpu_count"} <= set(record["versions"])
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == record["history"]
    pictures = {path.name for path in (workdir / "figures").iterdir()}
    assert pictures == {"loss_and_accuracy.png", "region_count.png", "segment.png"}
    assert list((workdir / "tensorboard").iterdir())


def cut_off_at(epoch, workdir):
    """Trains until the power fails: as an epoch begins, or, after all four, in the figures."""

    class Failing(Experiment):
        def epoch_in_parts(self, state, number, *rest):
            if number == epoch:
                raise RuntimeError("power cut")
            return super().epoch_in_parts(state, number, *rest)

        def draw(self, record, state, folder):
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train(small_config(), workdir, make=Failing)


@pytest.mark.parametrize("epoch", [0, 1, 4])
def test_resumed_run_ends_the_same(finished, tmp_path, epoch):
    cut_off_at(epoch, tmp_path)
    assert not (tmp_path / "record.json").exists()
    train_undrawn(small_config(), tmp_path)
    assert_same_outcome(tmp_path, finished[0])


@pytest.fixture(scope="module")
def after_three_epochs(tmp_path_factory):
    """A run whose power failed after three epochs. Read only."""
    workdir = tmp_path_factory.mktemp("cut") / "run"
    cut_off_at(3, workdir)
    return workdir


@pytest.fixture
def cut_off(after_three_epochs, tmp_path):
    """A copy of it."""
    return shutil.copytree(after_three_epochs, tmp_path / "run")


def test_damaged_newest_checkpoint_falls_back(finished, cut_off, capsys):
    damage(cut_off / "checkpoints" / str(3 * STEPS))
    capsys.readouterr()
    train_undrawn(small_config(), cut_off)
    out = capsys.readouterr().out
    assert f"checkpoint {3 * STEPS} is damaged" in out
    assert f"going back to checkpoint {2 * STEPS}" in out
    assert "resuming after 2 epochs" in out
    assert_same_outcome(cut_off, finished[0])


@pytest.fixture
def two_checkpoints(tmp_path):
    """Checkpoints 1 and 2 of one state, their folder, the state, and what 1 and 2 note."""
    config = small_run()
    folder = tmp_path / "checkpoints"
    checkpoints = Checkpoints(folder, keep=3)
    dataset = load("digits", train_examples=config.train_examples)
    state = Experiment(config, dataset).random_state()
    progress = {"history": [{"train_accuracy": 50.0}], "epochs": [], "counts": [1, 2]}
    for number in (1, 2):
        checkpoints.save(state, {**progress, "number": number}, number)
    yield checkpoints, folder, state, progress
    checkpoints.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda progress: progress["history"][0].update(train_accuracy=55.5),
        lambda progress: progress.update(history=[]),
        lambda progress: progress.pop("history"),
        lambda progress: progress.update(epochs=["a"] * 3),
    ],
    ids=["another number", "nothing", "not there", "text"],
)
def test_changed_notes_of_the_newest_checkpoint_fall_back(two_checkpoints, change):
    checkpoints, folder, state, progress = two_checkpoints
    path = folder / "2" / "notes" / "metadata"
    notes = json.loads(path.read_text())
    change(notes["progress"])
    path.write_text(json.dumps(notes))
    restored, messages = checkpoints.restore_newest(state)
    assert restored.progress == {**progress, "number": 1}
    assert "checkpoint 2 is damaged (its notes differ" in messages[0]


@pytest.mark.parametrize("part", ["notes/metadata", "state/_METADATA", "state/*/d/*"])
def test_cut_files_of_the_newest_checkpoint_fall_back(two_checkpoints, part):
    checkpoints, folder, state, progress = two_checkpoints
    largest = max((folder / "2").glob(part), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)
    restored, messages = checkpoints.restore_newest(state)
    assert restored.progress == {**progress, "number": 1}
    assert "checkpoint 2 is damaged (its files are cut short, changed or missing" in messages[0]
    assert "<" not in messages[0]
    gc.collect()  # what is left surfaces here, and not in the tests of another file


def test_checkpoint_that_cannot_be_read_now_stays(two_checkpoints, monkeypatch):
    checkpoints, folder, state, _ = two_checkpoints

    def refuse(*_):
        raise ValueError("Error reading file: Input/output error [os_error_code='5']")

    monkeypatch.setattr(Checkpoints, "_read", refuse)
    with pytest.raises(UserError, match=r"cannot be read \(Input/output error\)"):
        checkpoints.restore_newest(state)
    assert {path.name for path in folder.iterdir()} == {"1", "2"}


def test_empty_newest_checkpoint_falls_back(finished, cut_off, capsys):
    (cut_off / "checkpoints" / str(4 * STEPS)).mkdir()
    train_undrawn(small_config(), cut_off)
    assert f"going back to checkpoint {3 * STEPS}" in capsys.readouterr().out
    assert_same_outcome(cut_off, finished[0])


def test_all_checkpoints_damaged_are_set_aside(finished, cut_off, capsys):
    for checkpoint in (cut_off / "checkpoints").iterdir():
        damage(checkpoint)
    train_undrawn(small_config(), cut_off)
    assert "no checkpoint is whole" in capsys.readouterr().out
    aside = {int(path.name) for path in (cut_off / "checkpoints.damaged1").iterdir()}
    assert aside == {STEPS, 2 * STEPS, 3 * STEPS}
    assert_same_outcome(cut_off, finished[0])


def test_other_config_is_refused_naming_the_fields(finished, capsys):
    workdir, _ = finished
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    fields = {"seed": 1, "regions.slices": 6}
    outcome = launch(capsys, small_arguments(workdir, **fields))
    assert outcome.code == 2
    assert "regions.slices: 5 -> 6; seed: 0 -> 1" in outcome.err
    assert before == {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}


def test_finished_run_prints_its_record(finished, capsys):
    record = train(small_config(), finished[0], make=None)  # nothing is computed
    assert record["history"] == finished[1]["history"]
    out = capsys.readouterr().out
    assert "completed" in out
    assert "region count" in out


def test_second_process_is_refused(tmp_path):
    config = small_config()
    folder = run_workdir(tmp_path / "run", run_config(config))
    # The lock belongs to the open file, so a second opening in this process stands for another one.
    with folder.claimed(), pytest.raises(UserError, match="in use by another process"):
        train(config, tmp_path / "run")


def test_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(UserError, match=r"holds record\.json but no config\.json"):
        train(small_config(), tmp_path)
    assert (tmp_path / "record.json").read_text() == "{}"


def test_divergence_ends_the_run(tmp_path, capsys):
    arguments = small_arguments(tmp_path, learning_rate=1e20)
    outcome = launch(capsys, arguments)
    assert outcome.code == 3
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["status"] == "diverged"
    assert record["history"][0]["train_loss"] > 0
    assert len(record["epochs"]) < 4
    assert record["test_accuracy"] is None
    assert record["region_count"] == {"mean": None, "standard_error": None, "counts": None}
    again = launch(capsys, arguments)
    assert again.code == 3
    assert "diverged" in again.out


def test_divergence_in_the_last_step_is_divergence(tmp_path, capsys):
    """The running loss is from before the step that ruined the network."""
    arguments = small_arguments(tmp_path, learning_rate=1e10, epochs=1)
    assert launch(capsys, arguments).code == 3
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["epochs"][0]["train_loss"] > 0
    assert record["history"][-1]["train_loss"] is None
    assert record["region_count"]["mean"] is None


def test_stop_request_leaves_a_checkpoint(finished, tmp_path, monkeypatch, capsys):
    entry = Experiment.entry

    def press_control_c(self, number, metrics):
        if number == 1:
            signal.raise_signal(signal.SIGINT)
        return entry(self, number, metrics)

    monkeypatch.setattr(Experiment, "entry", press_control_c)
    arguments = small_arguments(tmp_path, checkpoint_every=3)
    outcome = launch(capsys, arguments)
    assert outcome.code == 130
    assert "interrupted after 2 epochs" in outcome.err
    assert "to resume: python launch.py --config=" in outcome.err
    assert (tmp_path / "checkpoints" / str(2 * STEPS)).is_dir()
    monkeypatch.undo()
    assert launch(capsys, arguments).code == 0
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["history"] == finished[1]["history"]


@pytest.mark.parametrize(
    "mixing", [{}, pytest.param({"mixup": 0.4, "train_examples": 80}, marks=pytest.mark.slow)]
)
def test_an_epoch_that_is_long_stops_within(tmp_path, mixing):
    """However it is divided: the same bits as without a stop. 80 examples have a smaller batch."""

    class Stopped(Experiment):
        def __init__(self, config, dataset):
            super().__init__(config, dataset)
            self.pace = Pace(seconds=0.0)  # one step at a time
            self.draw = lambda *_: None

        def hyperparameters(self, epoch):
            within = tmp_path / "stopped" / "checkpoints" / str(self.checkpoints_per_epoch + 1)
            if epoch == 1 and not within.exists():
                signal.raise_signal(signal.SIGTERM)
            return super().hyperparameters(epoch)

    config = small_config(epochs=3, optimizer="adam", random_flip=True, **mixing)
    record = train_undrawn(config, tmp_path / "whole")
    with pytest.raises(Interrupted, match="after 1 epochs and 1 steps, all saved"):
        train(config, tmp_path / "stopped", make=Stopped)
    assert train(config, tmp_path / "stopped", make=Stopped) == record
    assert_same_outcome(tmp_path / "stopped", tmp_path / "whole", config)


def test_calls_take_about_the_seconds_asked_for():
    pace = Pace(seconds=6.0)
    assert pace.next(1000) == 1
    pace.note(1, 4.0)  # slow, as first calls are
    assert pace.next(1000) == 1
    pace.note(1, 0.5)
    assert (pace.next(1000), pace.next(5)) == (12, 5)
    pace.note(12, 12.0)
    assert pace.next(1000) == 6


def test_runs_outside_the_main_thread(finished, tmp_path):
    records = []
    thread = threading.Thread(
        target=lambda: records.append(train_undrawn(small_config(), tmp_path))
    )
    thread.start()
    thread.join()
    assert records[0]["history"] == finished[1]["history"]


def test_epochs_and_counts_compile_once(tmp_path, monkeypatch):
    # Once a process has counted so many classifiers, it lets their programs go, and JAX then tells
    # of programs that it still has as of new ones.
    monkeypatch.setattr(programs, "_programs", {})
    traced: list[str] = []

    def listen(name, _, **details):
        if name == "/jax/core/compile/jaxpr_trace_duration":
            traced.append(str(details.get("fun_name")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        # A width of its own: no earlier run of this process has compiled it.
        train_undrawn(small_config(width=9), tmp_path / "first")
        other = small_config(epochs=2, width=9, seed=1, learning_rate=0.3)
        train_undrawn(other, tmp_path / "second")
    finally:
        jax.monitoring.clear_event_listeners()
    assert traced.count("run_steps") == 1
    assert traced.count("score") == 1


def test_config_that_cannot_work_does_not_claim_the_folder(tmp_path, capsys):
    # ResNet18 takes these images down to one pixel, and the last batch holds one image.
    fields = {"network": "resnet18", "width": 2, "train_examples": 36}
    outcome = launch(capsys, small_arguments(tmp_path, **fields))
    assert outcome.code == 2
    assert "batch norm in training needs more than one value" in outcome.err
    train_undrawn(small_config(epochs=1), tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {"regions.slices": 1},
        pytest.param({"regions.dim": 2, "regions.points": 6}, marks=pytest.mark.slow),
        {"regions.sampling": "random_directions", "regions.anchors": "test"},
        {"regions.sampling": "random_convex_pairs"},
        {"regions.method": "adaptive"},
        {"regions.method": "exact"},
    ],
    ids=str,
)
def test_kinds_of_counts(tmp_path, capsys, fields):
    for make in (undrawn, None):  # the second time from the record alone
        record = train(small_config(epochs=0, **fields), tmp_path, make=make)
        assert "region count" in capsys.readouterr().out
    counts = record["region_count"]["counts"]
    assert record["region_count"]["mean"] == pytest.approx(np.mean(counts))
    if len(counts) == 1:
        assert record["region_count"]["standard_error"] is None
