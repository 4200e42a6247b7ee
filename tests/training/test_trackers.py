"""Trackers get the numbers of a run, and none of their failures ends it."""

import contextlib
import importlib.machinery
import sqlite3
import sys
import time
import types

import pytest

from rcjax.errors import UserError
from rcjax.training.metrics import MetricsWriter
from rcjax.training.trackers import TRACKERS, Tracker, check_tracker

CONFIG = {"seed": 3, "regions": {"dim": 1}}
NAMES = [name for name in TRACKERS if name != "none"]


def entry(epoch: int) -> dict:
    names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "generalization_gap")
    return dict.fromkeys(names, epoch + 0.5) | {
        "epoch": epoch,
        "region_count": {"mean": 2.0, "standard_error": float("nan")},
    }


class Fake(types.ModuleType):
    """The parts of wandb, mlflow and trackio that are used; keeps what it is sent."""

    def __init__(self, name: str, fails_at: str = ""):
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)
        self.numbers: dict[tuple[str, int], float] = {}
        self.parameters: dict[str, object] = {}
        self.called: list[str] = []
        self.fails_at = fails_at
        self.info = types.SimpleNamespace(run_id="7")

    def _call(self, what: str) -> None:
        self.called.append(what)
        if what == self.fails_at:
            raise ConnectionError("no route\nto host")

    # wandb and trackio
    def init(self, project, name, config, **options):
        self._call("open")
        self.parameters = config
        return self

    def log(self, numbers, step):
        self._call("log")
        self.numbers |= {(name, step): value for name, value in numbers.items()}

    def finish(self):
        self._call("close")

    # mlflow
    def MlflowClient(self):
        return self

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return "1"

    def create_run(self, experiment, run_name):
        self._call("open")
        return self

    def log_param(self, run, name, value):
        self.parameters[name] = value

    def log_metric(self, run, name, value, step):
        self._call("log")
        self.numbers[name, step] = value

    def set_terminated(self, run):
        self._call("close")


def written(name: str, folder, monkeypatch, fails_at: str = "") -> Fake:
    """What a tracker got of a short run."""
    fake = Fake(name, fails_at)
    monkeypatch.setitem(sys.modules, name, fake)
    write(name, folder)
    return fake


def write(name: str, folder) -> None:
    """A short run that was resumed after its first evaluation."""
    check_tracker(name)
    tracker = Tracker(name, CONFIG, folder)
    writer = MetricsWriter(folder / "metrics.jsonl", folder / "board", [entry(0)], 0, tracker)
    epoch = {"epoch": 1, "train_loss": 1.0, "train_accuracy": 50.0, "learning_rate": 0.1}
    writer.epoch(epoch, 100.0)
    writer.evaluation(entry(1))
    writer.close()
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_gets_config_and_numbers(name, tmp_path, monkeypatch, capsys):
    fake = written(name, tmp_path, monkeypatch)
    assert fake.numbers["evaluation/test_accuracy", 0] == 0.5
    assert fake.numbers["evaluation/test_accuracy", 1] == 1.5
    assert fake.numbers["region_count/mean", 1] == 2
    assert fake.numbers["epoch/learning_rate", 1] == 0.1
    assert ("region_count/standard_error", 1) not in fake.numbers  # not finite
    assert str(fake.parameters["seed"]) == "3"
    assert fake.called[-1] == "close"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fails_at", ["open", "log", "close"])
def test_a_run_that_loses_its_tracker_goes_on_and_says_so(
    name, fails_at, tmp_path, monkeypatch, capsys
):
    fake = written(name, tmp_path, monkeypatch, fails_at)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{name} is lost (ConnectionError: no route to host); the run goes on without it"
    ]
    assert fake.called.count(fails_at) == 1  # not asked again


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_that_is_not_installed_is_one_line(name, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"pip install .rcjax\[{name}\]."):
        check_tracker(name)


def in_wandb(folder) -> bytes:
    (offline,) = folder.glob("wandb/offline-run-*/*.wandb")
    return offline.read_bytes()


def in_mlflow(folder) -> bytes:
    files = (folder / "store").glob("*/*/metrics/*/*")
    return b"".join(f"{file.parent.name}/{file.name} ".encode() for file in files)


def in_trackio(folder) -> bytes:
    with contextlib.closing(sqlite3.connect(folder / "store" / "rcjax.db")) as database:
        return b"".join(row for (row,) in database.execute("select metrics from metrics"))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("name", "kept"), [("wandb", in_wandb), ("mlflow", in_mlflow), ("trackio", in_trackio)]
)
def test_the_trackers_themselves_keep_the_numbers(name, kept, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "store"))
    pytest.importorskip(name)  # after the variables: Trackio reads its own when it is imported
    write(name, tmp_path)
    assert "is lost" not in capfd.readouterr().err
    numbers = {b"evaluation/test_accuracy", b"region_count/mean", b"epoch/learning_rate"}
    ends = time.monotonic() + 60  # the process that writes wandb's file may be a moment behind
    while missing := {number for number in numbers if number not in kept(tmp_path)}:
        assert time.monotonic() < ends, missing
        time.sleep(0.1)
