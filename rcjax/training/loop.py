"""The order in which a run does things."""

import math
import os
import time
from typing import Any

from rcjax.configuration import complete
from rcjax.training.checkpoints import Checkpoints
from rcjax.training.classical import is_classical, run_classical
from rcjax.training.dataset import load_dataset
from rcjax.training.devices import check_devices, describe_devices
from rcjax.training.experiment import Experiment
from rcjax.training.figures import draw_figures
from rcjax.training.files import finite, write_json
from rcjax.training.interruption import Interrupted, stop_requests
from rcjax.training.metrics import MetricsWriter
from rcjax.training.progress import ProgressDisplay, closing_table
from rcjax.training.state import TrainState
from rcjax.training.validation import check_config, check_fits
from rcjax.training.versions import versions
from rcjax.training.workdir import Workdir


def train(config: Any, workdir: str | os.PathLike) -> dict[str, Any]:
    """Trains a network, counts its regions as it trains, and leaves everything in a folder.

    A classical classifier is fitted and counted instead: see `rcjax.training.classical`.

    A folder in which the same run was interrupted is continued; one in which it is over is not
    touched: its record is printed and returned.

    Args:
        config: an `ml_collections.ConfigDict` with fields of a run; those that it leaves out
            take the defaults of `rcjax.fields`.
        workdir: folder of the run; made if need be.

    Returns:
        The record, as `record.json` holds it. Its "status" is "completed", or "diverged" when the
        loss stopped being finite.

    Raises:
        UserError: the config, the data set or the folder cannot be used; the line says how to mend
            it.
        Interrupted: the user asked to stop; a checkpoint was saved.
    """
    config = complete(config)
    plain = config.to_dict()
    check_config(plain)
    check_devices()
    folder = Workdir(workdir, plain)
    record = folder.finished_record()
    if record is None and is_classical(plain):
        with folder.claimed():
            record = folder.finished_record() or run_classical(config, folder)
    if record is None:
        dataset = load_dataset(config)
        check_fits(plain, dataset)
        experiment = Experiment(config, dataset)
        with folder.claimed(), stop_requests() as stop_requested:
            # Another process may have ended the same run since the folder was looked at.
            record = folder.finished_record()
            if record is None:
                run = Run(config, experiment, folder, len(dataset.train_images))
                try:
                    record = run.to_the_end(stop_requested)
                finally:
                    run.close()
    print(closing_table(record, folder.path), flush=True)
    return record


class Run:
    """A run from its newest checkpoint, or from the beginning.

    Args:
        config: the config, checked.
        experiment: the compiled parts.
        folder: the folder, claimed.
        examples: training examples in an epoch.
    """

    def __init__(self, config: Any, experiment: Experiment, folder: Workdir, examples: int):
        self._config = config
        self._experiment = experiment
        self._folder = folder
        self._state: TrainState = experiment.initial_state()
        self._history: list[dict[str, Any]] = []
        self._epochs: list[dict[str, Any]] = []
        self._counts: list[int] = []  # of the newest evaluation, slice by slice

        self._checkpoints = Checkpoints(folder.checkpoints, config.keep_checkpoints)
        restored, messages = self._checkpoints.restore_newest(self._state)
        if restored is not None:
            self._state = restored.state
            self._history, self._epochs, self._counts = (
                restored.progress[name] for name in ("history", "epochs", "counts")
            )
        completed = len(self._epochs)
        self._display = ProgressDisplay(config.epochs, completed, examples)
        self._display.message(
            f"{config.network} on {config.dataset}: {examples} training images, "
            f"{config.epochs} epochs, on {describe_devices()}"
        )
        for message in messages:
            self._display.message(message)
        if restored is not None:
            self._display.message(f"resuming after {completed} epochs")
        self._metrics: MetricsWriter | None = None
        self._examples = examples

    def to_the_end(self, stop_requested: Any) -> dict[str, Any]:
        """Trains the epochs that are left, draws the figures and writes the record.

        Args:
            stop_requested: an event; once it is set the run stops after the epoch at hand.
        """
        if len(self._epochs) < self._config.epochs:
            seconds = self._experiment.compile(self._state)
            self._display.message(f"compiled an epoch in {seconds:.1f} s")
        if not self._history:
            self._evaluate()
        # Only a config that has proved to work claims the folder for good.
        self._folder.note_config()
        self._metrics = MetricsWriter(
            self._folder.metrics, self._folder.tensorboard, self._history, len(self._epochs)
        )
        while len(self._epochs) < self._config.epochs and not self._diverged():
            if stop_requested.is_set():
                self._save()
                raise Interrupted(f"interrupted after {len(self._epochs)} epochs, all saved")
            self._train_one_epoch()
        record = self._record()
        draw_figures(record, self._experiment, self._state, self._folder.figures)
        # Last of all: a folder with a record is finished.
        write_json(self._folder.record, record)
        return finite(record)

    def _train_one_epoch(self) -> None:
        start = time.monotonic()
        self._state, entry = self._experiment.run_epoch(self._state, len(self._epochs))
        seconds = time.monotonic() - start
        self._epochs.append(entry)
        if self._metrics:
            self._metrics.epoch(entry, self._examples / seconds)
        self._display.epoch(entry, seconds)
        if self._diverged():
            return
        completed, last = len(self._epochs), len(self._epochs) == self._config.epochs
        if completed % self._config.regions.every == 0 or last:
            self._evaluate()
        if (completed % self._config.checkpoint_every == 0 or last) and not self._diverged():
            self._save()

    def _evaluate(self) -> None:
        entry, self._counts = self._experiment.evaluate(self._state, len(self._epochs))
        self._history.append(entry)
        if self._metrics:
            self._metrics.evaluation(entry)
        self._display.evaluation(entry)

    def _diverged(self) -> bool:
        newest = [entries[-1] for entries in (self._epochs, self._history) if entries]
        return not all(math.isfinite(entry["train_loss"]) for entry in newest)

    def _save(self) -> None:
        progress = {"history": self._history, "epochs": self._epochs, "counts": self._counts}
        self._checkpoints.save(self._state, progress)

    def _record(self) -> dict[str, Any]:
        """What the run found. Holds no times: an interrupted run ends with the same record."""
        diverged = self._diverged()
        newest = self._history[-1]
        accuracies = ("train_accuracy", "test_accuracy", "generalization_gap")
        regions = {**newest["region_count"], "counts": self._counts}
        return {
            "config": self._config.to_dict(),
            "status": "diverged" if diverged else "completed",
            # A network whose parameters are not numbers has no accuracy and no regions.
            **{name: None if diverged else newest[name] for name in accuracies},
            "region_count": dict.fromkeys(regions) if diverged else regions,
            "history": self._history,
            "epochs": self._epochs,
            "versions": versions(),
        }

    def close(self) -> None:
        """Lets go of files and terminal."""
        self._display.close()
        if self._metrics:
            self._metrics.close()
        self._checkpoints.close()
