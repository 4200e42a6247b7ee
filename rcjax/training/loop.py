"""Runs one training: load, resume, train, evaluate and count, checkpoint, write the record."""

import math
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ml_collections import ConfigDict

from rcjax.config import RunConfig, run_config
from rcjax.data import AnyDataset, load_or_open
from rcjax.runtime import (
    Interrupted,
    StopRequest,
    Workdir,
    agreed_stop,
    claimed_by_first,
    current_hosts,
    describe_devices,
    finite,
    own_jax_settings,
    require_devices,
    stop_requests,
    write_json,
)
from rcjax.terminal import say
from rcjax.training.checkpoints import Checkpoints
from rcjax.training.classical import is_classical, run_classical
from rcjax.training.experiment import Experiment, Position
from rcjax.training.initial_weights import check_unchanged, checkpoint_hash
from rcjax.training.progress import ProgressDisplay
from rcjax.training.record import closing_table, run_workdir, trained_record
from rcjax.training.several_hosts import check_hosts, check_same_data
from rcjax.training.state import TrainState
from rcjax.training.stopwatch import SECONDS_FILE, Stopwatch
from rcjax.training.streaming import make_experiment
from rcjax.training.trackers import Tracker
from rcjax.training.validation import check_config, check_fits

if TYPE_CHECKING:
    from rcjax.training.metrics import MetricsWriter


@own_jax_settings()
def train(
    config: ConfigDict | Mapping[str, Any] | RunConfig,
    workdir: str | os.PathLike,
    *,
    make: Callable[[RunConfig, AnyDataset], Experiment] = make_experiment,
) -> dict[str, Any]:
    """Trains a network, counts its regions as it trains, and leaves everything in a folder.

    A classical classifier is fitted and counted instead: see `rcjax.training.classical`.

    A folder in which the same run was interrupted is continued; one in which it is over is not
    touched: its record is printed and returned.

    Args:
        config: fields of a run; those that it leaves out take the defaults of
            `rcjax.config.RunConfig`.
        workdir: folder of the run; made if need be.
        make: makes the compiled parts of a run.

    Returns:
        The record, as `record.json` holds it. Its "status" is "completed", or "diverged" when the
        loss stopped being finite.

    Raises:
        UserError: the config, the data set or the folder cannot be used; the line says how to mend
            it.
        Interrupted: the user asked to stop; a checkpoint was saved.
    """
    config = run_config(config)
    check_config(config)
    require_devices()
    hosts = current_hosts()
    check_hosts(config, hosts)
    folder = run_workdir(workdir, config)
    watch = Stopwatch(folder.path / SECONDS_FILE)
    record = hosts.from_first(folder.finished_record)
    if record is not None:
        check_unchanged(config.checkpoint, record.get("checkpoint"), folder.path)
    if record is None and is_classical(config):
        with folder.claimed():
            record = folder.finished_record() or run_classical(config, folder, watch)
    if record is None:
        dataset = load_or_open(config.dataset, **config.data_choices())
        check_fits(config, dataset)
        check_same_data(dataset, hosts)
        experiment = make(config, dataset)
        with claimed_by_first(folder, hosts), stop_requests() as asked:
            stop_requested = agreed_stop(asked, hosts)
            # Another process may have ended the same run since the folder was looked at.
            record = hosts.from_first(folder.finished_record)
            if record is None:
                run = OngoingRun(config, experiment, folder, dataset.train_size, watch=watch)
                try:
                    record = train_to_the_end(run, experiment, stop_requested)
                finally:
                    run.close()
    if hosts.first:
        say(closing_table(record, folder.path))
    return record


def train_to_the_end(
    run: "OngoingRun", experiment: Experiment, stop_requested: StopRequest
) -> dict[str, Any]:
    """Trains the epochs that are left.

    Args:
        run: at its newest checkpoint.
        experiment: its compiled parts.
        stop_requested: an event; once it is set the run stops where it can next be continued:
            after the epoch at hand, or, of a streamed data set, after the step.
    """
    # Asked while the data set was read: nothing has been done that a checkpoint would have to keep.
    if not run.finished and stop_requested.is_set():
        raise Interrupted(f"interrupted after {run.completed} epochs, all saved")
    if not run.finished:
        run.message(f"compiled an epoch in {experiment.compile(run.state):.1f} s")
    run.watch.lap("preparing")
    run.begin()
    while not run.finished:
        if stop_requested.is_set():
            run.save()
            raise Interrupted(f"interrupted after {run.completed} epochs, all saved")
        start = time.monotonic()
        for part in experiment.epoch_in_parts(
            run.state, run.completed, run.position, stop_requested.is_set
        ):
            run.state, run.position = part.state, part.position
            if part.entry is not None:
                run.note_epoch(part.entry, time.monotonic() - start, lambda: run.state)
                continue
            run.watch.lap("training")
            run.save()
            if stop_requested.is_set():
                raise Interrupted(
                    f"interrupted after {run.completed} epochs and {part.step} steps, all saved"
                )
    return run.end()


class OngoingRun:
    """A run from its newest checkpoint, or from the beginning, that trains on.

    Args:
        config: the config, checked.
        experiment: the compiled parts.
        folder: the folder, claimed.
        examples: training examples in an epoch.
        quiet: show nothing.
        watch: takes the times; one that begins now when None.
    """

    def __init__(
        self,
        config: RunConfig,
        experiment: Experiment,
        folder: Workdir,
        examples: int,
        *,
        quiet: bool = False,
        watch: Stopwatch | None = None,
    ):
        self.watch = watch or Stopwatch(folder.path / SECONDS_FILE)
        self._config = config
        self._experiment = experiment
        self._folder = folder
        self._hosts = current_hosts()
        self.state: TrainState
        self.together = 1  # runs trained as one program
        self._source: dict[str, str] | None = None  # the checkpoint that it began with
        self._history: list[dict[str, Any]] = []
        self._epochs: list[dict[str, Any]] = []
        self._counts: list[int] = []  # of the newest evaluation, slice by slice
        self.position: Position | None = None  # within the epoch at hand
        self._checkpoints = Checkpoints(folder.checkpoints, config.keep_checkpoints)
        restored, messages = self._checkpoints.restore_newest(experiment.random_state())
        if restored is None:
            self.state = experiment.initial_state()
            if path := config.checkpoint:
                self._source = {"path": path, "sha256": checkpoint_hash(path)}
        else:
            # What it began with is not read again, and need not be there any more.
            self._source = restored.progress.get("source")
            check_unchanged(config.checkpoint, self._source, folder.path)
            self.state = restored.state
            self._history, self._epochs, self._counts = (
                restored.progress[name] for name in ("history", "epochs", "counts")
            )
            if restored.progress.get("position"):
                self.position = Position(*restored.progress["position"])
        self._display: ProgressDisplay | None = None
        if self._hosts.first and not quiet:
            self._display = ProgressDisplay(config.epochs, self.completed, examples)
        self.message(
            f"{config.network} on {config.dataset}: {examples} training images, "
            f"{config.epochs} epochs, on {describe_devices()}"
        )
        for message in messages:
            self.message(message)
        if restored is not None:
            within = f" and {self.position.step} steps" if self.position else ""
            self.message(f"resuming after {self.completed} epochs{within}")
        self._metrics: "MetricsWriter | None" = None
        self._examples = examples

    def message(self, text: str) -> None:
        """Tells the user something."""
        if self._display is not None:
            self._display.message(text)

    @property
    def completed(self) -> int:
        """Epochs that are completed."""
        return len(self._epochs)

    @property
    def finished(self) -> bool:
        """Whether no epoch is left to train."""
        return self.completed >= self._config.epochs or self._diverged()

    def begin(self) -> None:
        """Evaluates the untrained network of a new run, and claims the folder for good."""
        # Not at the top: TensorBoard's writer imports PyTorch where it finds it, in over a second.
        from rcjax.training.metrics import MetricsWriter

        if not self._history:
            self._evaluate()
        if self._hosts.first:
            # Only a config that has proved to work claims the folder.
            self._folder.claim_for_good()
            self._metrics = MetricsWriter(
                self._folder.metrics,
                self._folder.tensorboard,
                self._history,
                self.completed,
                Tracker(self._config.tracker, self._config.to_dict(), self._folder.path),
            )
        if self._display is not None:
            self._display.start()
        # Without an epoch after which to save, what was evaluated is saved at once.
        if self._config.epochs == 0 and not self._diverged():
            self.save()

    def note_epoch(
        self, entry: dict[str, Any], seconds: float, state: Callable[[], TrainState]
    ) -> None:
        """Takes in a trained epoch; evaluates and saves where it is time to.

        Args:
            entry: of the record's list of epochs.
            seconds: that the epoch took.
            state: gives the state after the epoch; called where it is needed.
        """
        self.watch.lap("training")
        self._epochs.append(entry)
        if self._metrics:
            self._metrics.epoch(entry, self._examples / seconds)
        if self._display is not None:
            self._display.epoch(entry, seconds)
        if self._diverged():
            self.state = state()
            return
        last = self.completed == self._config.epochs
        evaluating = self.completed % self._config.regions.every == 0 or last
        saving = self.completed % self._config.checkpoint_every == 0 or last
        if evaluating or saving:
            self.state = state()
        if evaluating:
            self._evaluate()
        if saving and not self._diverged():
            self.save()

    def end(self) -> dict[str, Any]:
        """Draws the figures, writes the record and returns it; on host 0, the others wait."""
        record = trained_record(
            self._config.to_dict(),
            history=self._history,
            epochs=self._epochs,
            counts=self._counts,
            source=self._source,
            diverged=self._diverged(),
            data=self._folder.data,
            together=self.together,
        )
        if self._hosts.first:
            self._experiment.draw(record, self.state, self._folder.figures)
            # Last of all: a folder with a record is finished.
            self._write_seconds()
            write_json(self._folder.record, record)
        self._hosts.meet()
        return finite(record)

    def _evaluate(self) -> None:
        entry, self._counts = self._experiment.evaluate(
            self.state, len(self._epochs), self.watch.lap
        )
        self._history.append(entry)
        if self._metrics:
            self._metrics.evaluation(entry)
        if self._display is not None:
            self._display.evaluation(entry)

    def _diverged(self) -> bool:
        newest = [entries[-1] for entries in (self._epochs, self._history) if entries]
        return not all(math.isfinite(entry["train_loss"]) for entry in newest)

    def save(self) -> None:
        """Writes a checkpoint of `state`, the one after the newest epoch or at `position`."""
        progress: dict[str, Any] = {
            "history": self._history,
            "epochs": self._epochs,
            "counts": self._counts,
            "source": self._source,
        }
        number = self.completed * self._experiment.checkpoints_per_epoch
        if self.position is not None:
            number += self.position.step
            progress["position"] = list(self.position)
        self._checkpoints.save(self.state, progress, number)
        if self._hosts.first:
            self._write_seconds()

    def _write_seconds(self) -> None:
        self.watch.lap("keeping")
        self.watch.write()

    def close(self) -> None:
        """Lets go of files and terminal."""
        if self._display is not None:
            self._display.close()
        if self._metrics:
            self._metrics.close()
        self._checkpoints.close()
