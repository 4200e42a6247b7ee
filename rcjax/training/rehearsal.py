"""Rehearses a run: every part of it is done for real and timed, none of it for long.

What is written is written to a temporary folder, by the same code that writes a run's own.
"""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import jax

from rcjax.config import RegionsSection, RunConfig
from rcjax.data import load_or_open
from rcjax.runtime import (
    Interrupted,
    StopRequest,
    describe_devices,
    peak_memory,
    require_devices,
    room_in_memory,
)
from rcjax.training.evaluation import EVALUATION_BATCH_SIZE, Scores
from rcjax.training.experiment import Experiment, history_entry
from rcjax.training.finished_run import FinishedRun
from rcjax.training.group import Group
from rcjax.training.loop import OngoingRun
from rcjax.training.record import run_workdir
from rcjax.training.run_cost import Disk, RunCost, kept_checkpoints
from rcjax.training.seconds import Seconds
from rcjax.training.state import TrainState
from rcjax.training.streaming import make_experiment
from rcjax.training.timing import ENOUGH, Timed, seconds_of, time_epoch, time_part, twice
from rcjax.training.validation import check_config, check_fits

_BLOCK = 4096  # bytes
_MOST_EPOCHS = 200  # of which the bookkeeping is rehearsed


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """A rehearsed run.

    Attributes:
        cost: of it, without what is done after training.
        network: as it would be after training; its weights are nearly those of the beginning.
    """

    cost: RunCost
    network: FinishedRun

    def time_count(self, regions: RegionsSection) -> Timed:
        """Times a count as a section `regions` asks, by some of its slices."""
        return time_count(self.network, regions)

    def with_after(self, after: Seconds, once: float, unmeasured: Sequence[str] = ()) -> RunCost:
        """Returns the cost with what is done after training, which took `once` longer at first."""
        return dataclasses.replace(
            self.cost, after=after, once=self.cost.once + once, unmeasured=tuple(unmeasured),
            peak=peak_memory(),
        )  # fmt: skip


def rehearse_run(config: RunConfig, stop: StopRequest) -> Rehearsal:
    """Does a little of every part of a run.

    Args:
        config: of the run; it trains a network.
        stop: asks to leave early.

    Raises:
        UserError: the config or its data set cannot be used.
        Interrupted: `stop` was set.
    """
    check_config(config)
    require_devices()
    prepared: list[FinishedRun] = []

    def prepare() -> None:
        prepared.clear()  # two data sets might not fit into memory
        prepared.append(_prepared(config))

    # Again in any case: programs that are compiled already are what later runs of a study find.
    cold, preparing = twice(prepare)
    run, once = prepared.pop(), cold - preparing
    experiment = run.experiment
    leave_if(stop)
    epoch = time_epoch(experiment, run.state)
    run = dataclasses.replace(run, state=epoch.state)
    leave_if(stop)
    examples = run.dataset.train_size
    evaluation = time_part(
        lambda images: experiment.score_some(run.state, images), examples, EVALUATION_BATCH_SIZE
    )
    leave_if(stop)
    count = time_count(run, config.regions)
    leave_if(stop)
    kept = _rehearse_keeping(run)
    parts = (epoch, evaluation, count)
    cost = RunCost(
        parameters=parameters_of(run.state),
        examples=examples,
        steps=experiment.checkpoints_per_epoch,
        timed_steps=epoch.steps,
        slices=config.regions.slices,
        timed_slices=count.done,
        once=once + sum(part.once for part in parts) + kept.once,
        preparing=preparing,
        epoch=epoch.seconds if config.epochs else 0.0,
        evaluation=evaluation.all * experiment.evaluated_examples / examples,
        count=count.all,
        saving=kept.saving,
        keeping=kept.keeping,
        disk=kept.disk,
        program=experiment.program_bytes(),
        **memory(),
    )
    return Rehearsal(cost, run)


def rehearse_together(configs: Sequence[RunConfig], stop: StopRequest) -> Rehearsal:
    """Does the same for runs that train as one and are otherwise single runs."""
    alone = rehearse_run(configs[0], stop)
    group = Group(configs)
    compiling, epoch, _ = time_group_epoch(group, group.first_states(), stop)
    cost = dataclasses.replace(
        alone.cost,
        together=len(configs),
        timed_steps=alone.cost.steps,
        once=alone.cost.once + compiling,
        epoch=epoch / len(configs) if configs[0].epochs else 0.0,
        program=group.program_bytes(),
        **memory(),
    )
    return dataclasses.replace(alone, cost=cost)


def time_group_epoch(
    group: Group, states: TrainState, stop: StopRequest
) -> tuple[float, float, TrainState]:
    """Compiles an epoch of a group, and trains it twice, or once where it is long.

    Returns:
        Seconds of the compilation, seconds of an epoch, and the states after it.
    """
    compiling = seconds_of(lambda: group.compile(states))
    epoch = 0.0
    for number in (0, 1):
        leave_if(stop)
        before = [states]

        def train(before: list[TrainState] = before, number: int = number) -> None:
            before[0] = group.train_epoch(before[0], number)[0]

        epoch = seconds_of(train)
        states = before[0]
        if epoch > 10 * ENOUGH:
            break
    return compiling, epoch, states


def leave_if(stop: StopRequest) -> None:
    """Raises Interrupted where the user asked to stop."""
    if stop.is_set():
        raise Interrupted("interrupted; nothing was made")


def memory() -> dict[str, Any]:
    """The fields of a cost that say what is in use and what there is."""
    return {"peak": peak_memory(), "room": room_in_memory(), "device": describe_devices()}


def parameters_of(state: TrainState) -> int:
    """How many numbers of a network are trained."""
    return sum(leaf.size for leaf in jax.tree.leaves(state["parameters"]))


def time_count(run: FinishedRun, regions: RegionsSection) -> Timed:
    """Times a count by some of its slices."""
    return time_part(
        lambda slices: run.count(dataclasses.replace(regions, slices=slices)), regions.slices
    )


def _prepared(config: RunConfig) -> FinishedRun:
    dataset = load_or_open(config.dataset, **config.data_choices())
    check_fits(config, dataset)
    experiment = make_experiment(config, dataset)
    state = experiment.initial_state()
    experiment.compile(state)
    return FinishedRun(config, dataset, experiment, jax.block_until_ready(state))


@dataclasses.dataclass(frozen=True)
class _Kept:
    """What is written of a run: seconds of a checkpoint, of all else, and bytes."""

    saving: float
    keeping: float
    once: float
    disk: Disk


def _rehearse_keeping(run: FinishedRun) -> _Kept:
    """Writes all that a run writes, with made-up numbers, and one checkpoint instead of many."""
    epochs = min(run.config.epochs, _MOST_EPOCHS)
    short = dataclasses.replace(
        run.config, epochs=epochs, checkpoint_every=max(epochs, 1), tracker="none"
    )
    with tempfile.TemporaryDirectory(prefix="rcjax-dry-run-") as temporary:
        attempts: list[tuple[Path, float]] = []

        def write() -> None:
            folder = Path(temporary) / str(len(attempts))
            attempts.append((folder, _write(run, short, folder)))

        cold, warm = twice(write)
        folder, saving = attempts[-1]
        checkpoint = size_of(folder / "checkpoints")
        figures = size_of(folder / "figures")
        records = size_of(folder) - checkpoint - figures
    longer = run.config.epochs / epochs if epochs else 1.0
    disk = Disk(
        checkpoint, checkpoint * kept_checkpoints(run.config), figures, round(records * longer)
    )
    return _Kept(saving, max(0.0, warm - saving), cold - warm, disk)


def _write(run: FinishedRun, config: RunConfig, folder: Path) -> float:
    """Writes the folder of a run; returns the seconds that its checkpoint took."""
    parts = cast(Experiment, _WithoutEvaluation(run))
    workdir = run_workdir(folder, config)
    with workdir.claimed():
        ongoing = OngoingRun(config, parts, workdir, run.dataset.train_size, quiet=True)
        try:
            ongoing.begin()
            ongoing.state = run.state
            entry = {"learning_rate": 0.1, "train_loss": 1.23456789, "train_accuracy": 98.7654321}
            for number in range(config.epochs - 1):
                ongoing.note_epoch({"epoch": number + 1, **entry}, 1.0, lambda: run.state)
            last = {"epoch": config.epochs, **entry}
            saving = seconds_of(lambda: ongoing.note_epoch(last, 1.0, lambda: run.state))
            ongoing.end()
        finally:
            ongoing.close()
    return saving


class _WithoutEvaluation:
    """The parts of a run whose evaluations and counts are made up, and cost nothing."""

    def __init__(self, run: FinishedRun):
        self._experiment = run.experiment
        self._slices = run.config.regions.slices

    def __getattr__(self, name: str) -> Any:
        return getattr(self._experiment, name)

    def evaluate(
        self, state: TrainState, epoch: int, lap: Any = None
    ) -> tuple[dict[str, Any], list[int]]:
        scores = Scores(1.23456789, 98.7654321)
        entry = history_entry(epoch, 0.1, scores, scores, [12, 13])
        return entry, [12] * self._slices


def size_of(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk, in blocks of the usual size."""
    # Not st_blocks: a file system may give a file its blocks some time after it was written.
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(-(-size // _BLOCK) * _BLOCK for size in sizes)
