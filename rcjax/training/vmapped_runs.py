"""Many small runs as one compiled program: `jax.vmap` over seeds and over numbers of the optimizer.

A small network leaves a device idle between its operations; trained side by side, many of them cost
little more than one. Folders, checkpoints and records are those of single runs, and the numbers
agree with theirs up to rounding: products of matrices are summed in another order.
"""

import contextlib
import functools
import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from rcjax.config import RunConfig
from rcjax.data import Dataset, is_streamed, load
from rcjax.errors import UserError
from rcjax.runtime import Interrupted, StopRequest, own_jax_settings, require_devices
from rcjax.terminal import say
from rcjax.training.classical import is_classical
from rcjax.training.epoch import EpochMetrics
from rcjax.training.experiment import Experiment
from rcjax.training.inputs import strengths_of
from rcjax.training.loop import OngoingRun
from rcjax.training.optimizer import optimizer_of
from rcjax.training.progress import ProgressDisplay
from rcjax.training.record import run_workdir
from rcjax.training.stacking import Images, stack, stacked_epoch, stacked_numbers
from rcjax.training.stopwatch import SECONDS_FILE, Stopwatch
from rcjax.training.validation import check_config, check_fits


def group_key(config: RunConfig) -> str:
    """Runs of equal keys can be trained together: they differ in the seed, in numbers of optimizer,
    schedule and augmentation, and in label noise.

    Data sets must be in memory: of runs on streamed ones, only equal runs have equal keys.
    """
    fields = config.fields()
    if not is_streamed(config.dataset):
        optimizer, _ = optimizer_of(config)
        schedule = [name for name in fields if name.startswith("schedule")]
        for name in ("seed", *optimizer.names, *schedule, "warmup_epochs", "label_noise"):
            fields.pop(name, None)
        for name in strengths_of(config):  # which of them are on is compiled
            fields[name] = "on"
    return json.dumps(fields, sort_keys=True)


def is_groupable(config: RunConfig) -> bool:
    """Returns whether a run can be trained together with others: whether it trains a network."""
    return not is_classical(config)


@own_jax_settings()
def train_together(
    configs: Sequence[RunConfig], workdirs: Sequence[str | os.PathLike], stop_requested: StopRequest
) -> int:
    """Trains runs of one `group_key` side by side, each in its own folder.

    Folders of finished runs are left as they are, and so are those that another process works in
    or that belong to other runs: `rcjax.training.train` says of each what is the matter. Runs that
    were interrupted go on from their checkpoints, together where they stand at the same epoch.

    Args:
        configs: of the runs.
        workdirs: their folders.
        stop_requested: an event; once it is set, all stop after the epoch at hand.

    Returns:
        How many runs were trained to their end.

    Raises:
        UserError: the configs do not go together, or cannot be used.
        Interrupted: `stop_requested` was set; all runs saved checkpoints.
    """
    if len({group_key(config) for config in configs}) > 1:
        raise UserError(
            "runs trained together may differ in the seed, in numbers of optimizer, schedule and "
            "augmentation, and in label noise only"
        )
    for config in configs:
        check_config(config)
    require_devices()
    with contextlib.ExitStack() as stack:
        members = list(_members(configs, workdirs, stack))
        for standing in sorted({member.run.completed for member in members}):
            _train_group([m for m in members if m.run.completed == standing], stop_requested)
    return len(members)


class _Member(NamedTuple):
    """One run of a group, claimed, at its newest checkpoint."""

    config: RunConfig
    experiment: Experiment
    run: OngoingRun


def _members(
    configs: Sequence[RunConfig], workdirs: Sequence[str | os.PathLike], stack: contextlib.ExitStack
) -> Iterator[_Member]:
    loaded: dict[Any, tuple[Dataset, Experiment]] = {}
    clock = Stopwatch(None)  # they go on in turn
    for config, workdir in zip(configs, workdirs, strict=True):
        folder = run_workdir(workdir, config)
        try:
            if folder.finished_record() is not None:
                continue
            stack.enter_context(folder.claimed())
            # Another process may have ended the same run since the folder was looked at.
            if folder.finished_record() is not None:
                continue
        except UserError as error:
            say(f"left out: {error}")
            continue
        # Without a draw of its own, every run has the same data set.
        drawn = (
            config.label_noise,
            config.seed if config.train_examples or config.label_noise else 0,
        )
        if drawn not in loaded:
            dataset = load(config.dataset, **config.data_choices())
            check_fits(config, dataset)
            loaded[drawn] = (dataset, Experiment(config, dataset))
        dataset, first = loaded[drawn]
        experiment = Experiment(config, dataset, first)
        watch = Stopwatch(folder.path / SECONDS_FILE, clock)
        run = OngoingRun(
            config, experiment, folder, len(dataset.train_images), quiet=True, watch=watch
        )
        watch.lap("preparing")
        stack.callback(run.close)
        yield _Member(config, experiment, run)


def _train_group(members: Sequence[_Member], stop_requested: StopRequest) -> None:
    """Trains runs that stand at the same epoch to their ends."""
    first = members[0]
    epochs, examples = first.config.epochs, len(first.experiment.train_arrays[0])
    for member in members:
        member.run.together = len(members)
        member.run.begin()
    display = ProgressDisplay(epochs, first.run.completed, examples * len(members))
    display.message(f"{len(members)} runs together, from epoch {first.run.completed} on")
    group = _StackedRuns([member.experiment for member in members], [m.run.state for m in members])
    try:
        for epoch in range(first.run.completed, epochs):
            if all(member.run.finished for member in members):
                break
            if stop_requested.is_set():
                _interrupt(members, group, epoch)
            start = time.monotonic()
            entries = group.run_epoch(epoch)
            seconds = time.monotonic() - start
            display.epoch(_mean_entry(entries), seconds)
            for number, member in enumerate(members):
                if not member.run.finished:  # a diverged run has ended
                    state_of = functools.partial(group.state, number)
                    member.run.watch.add("training", seconds / len(members))
                    member.run.note_epoch(entries[number], seconds / len(members), state_of)
    finally:
        display.close()
    for member in members:
        member.run.end()


def _interrupt(members: Sequence[_Member], group: "_StackedRuns", epoch: int) -> None:
    for number, member in enumerate(members):
        if not member.run.finished:
            member.run.state = group.state(number)
            member.run.save()
    raise Interrupted(f"{len(members)} runs interrupted after {epoch} epochs, all saved")


def _mean_entry(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: float(np.mean([entry[name] for entry in entries])) for name in entries[0]} | {
        "epoch": entries[0]["epoch"]
    }


class _StackedRuns:
    """The states of runs, stacked, and the program that trains all of them for an epoch."""

    def __init__(self, experiments: Sequence[Experiment], states: Sequence[Any]):
        self._experiments = experiments
        arrays = [experiment.train_arrays for experiment in experiments]
        shared = all(each[0] is arrays[0][0] for each in arrays)
        self._data = Images(*(arrays[0] if shared else stack(arrays)))
        self._states = stack(states)
        self._program = stacked_epoch(*experiments[0].epoch_parts, self._data.axes())

    def run_epoch(self, epoch: int) -> list[dict[str, Any]]:
        """Trains all runs for the epoch after `epoch` epochs; returns their entries."""
        numbers = stacked_numbers([each.hyperparameters(epoch) for each in self._experiments])
        self._states, metrics = self._program(self._states, *self._data, numbers)
        losses, correct = jax.device_get(EpochMetrics(*metrics))
        return [
            experiment.entry(epoch, EpochMetrics(losses[number], correct[number]))
            for number, experiment in enumerate(self._experiments)
        ]

    def state(self, number: int) -> Any:
        """Returns the state of one run, copied out of the stack."""
        return jax.tree.map(lambda leaf: leaf[number], self._states)
