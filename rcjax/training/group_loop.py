"""The course of a group of runs that share a program; nothing is written but its checkpoints."""

import dataclasses
import functools
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rcjax import RegionCounts
from rcjax.config import RegionsSection, RunConfig
from rcjax.runtime import Interrupted, StopRequest, available_memory, require_devices
from rcjax.training.checkpoints import Checkpoints
from rcjax.training.experiment import history_entry
from rcjax.training.finished_run import FinishedRun
from rcjax.training.group import Group
from rcjax.training.initial_weights import check_unchanged, checkpoint_hash
from rcjax.training.progress import ProgressDisplay
from rcjax.training.record import trained_record
from rcjax.training.schedules import schedule_of
from rcjax.training.state import TrainState
from rcjax.training.stopwatch import SECONDS_FILE, Stopwatch
from rcjax.training.validation import check_config


@dataclasses.dataclass
class MemberProgress:
    """One run of a group as it goes on.

    Attributes:
        epochs: trained until now, or until its loss was not finite.
        history: entries of its evaluations, oldest first.
        counts: regions of each slice at the newest evaluation.
        diverged: whether its loss stopped being finite.
    """

    epochs: int = 0
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    counts: list[int] = dataclasses.field(default_factory=list)
    diverged: bool = False


@dataclasses.dataclass(frozen=True)
class TrainedGroup:
    """A group after its last epoch.

    Attributes:
        group: its compiled parts.
        states: of all runs, stacked.
        members: the course of each run.
        source: the checkpoint that training began with; None for random weights.
        watch: takes the times of what is done of the group.
    """

    group: Group
    states: TrainState
    members: list[MemberProgress]
    source: dict[str, str] | None = None
    watch: Stopwatch = dataclasses.field(default_factory=lambda: Stopwatch(None))

    def record(self, member: int) -> dict[str, Any]:
        """Returns the record of a run, without its list of epochs but for their number."""
        run = self.members[member]
        record = trained_record(
            self.group.configs[member].to_dict(),
            history=run.history,
            epochs=(),
            counts=run.counts,
            source=self.source,
            diverged=run.diverged,
            data={},
            together=len(self.members),
        )
        return {**record, "epochs": run.epochs}

    def count(
        self, members: Sequence[int], sections: Sequence[RegionsSection]
    ) -> list[RegionCounts]:
        """Counts regions of some runs' networks, each as a section `regions` asks."""
        return self.group.count(self.states, members, sections)

    def finished(self, member: int) -> FinishedRun:
        """Returns the network of one run, as a run by itself would leave it."""
        return self.group.finished(*self._on_host, member)

    @functools.cached_property
    def _on_host(self) -> tuple[TrainState, TrainState]:
        """All states at the end and before the first epoch: to take one run's costs nothing."""
        last, first = jax.device_get((self.states, self.group.first_states()))
        return last, first


def train_group(
    configs: Sequence[RunConfig], folder: Path, stop_requested: StopRequest
) -> TrainedGroup:
    """Trains runs of one `group_key` as one, from the newest checkpoint in a folder on.

    Args:
        configs: of the runs.
        folder: of the group's checkpoints, claimed.
        stop_requested: an event; once it is set, the group stops after the epoch at hand.

    Raises:
        UserError: a config or its data set cannot be used.
        Interrupted: `stop_requested` was set; a checkpoint was saved.
        MemoryError: the group does not fit in the memory of this machine; fewer runs may.
    """
    for config in configs:
        check_config(config)
    require_devices()
    watch = Stopwatch(folder / SECONDS_FILE)
    run = _OngoingGroup(Group(configs), folder, watch)
    try:
        return run.train(stop_requested)
    finally:
        run.close()


class _OngoingGroup:
    """A group from its newest checkpoint, or from the beginning, that trains on."""

    def __init__(self, group: Group, folder: Path, watch: Stopwatch):
        self._watch = watch
        self._group, self._config = group, group.configs[0]
        self._checkpoints = Checkpoints(folder / "checkpoints", keep=1)
        restored, messages = self._checkpoints.restore_newest(group.random_states())
        self._members = [MemberProgress() for _ in group.configs]
        self._completed, self._source = 0, None
        if restored is None:
            self._states = group.first_states()
            if path := self._config.checkpoint:
                self._source = {"path": path, "sha256": checkpoint_hash(path)}
        else:
            self._states, self._source = restored.state, restored.progress["source"]
            check_unchanged(self._config.checkpoint, self._source, folder)
            self._completed = restored.progress["completed"]
            self._members = [MemberProgress(**values) for values in restored.progress["members"]]
        examples = len(group.configs) * group.datasets[0].train_size
        self._display = ProgressDisplay(self._config.epochs, self._completed, examples)
        for message in messages:
            self._display.message(message)
        self._display.message(
            f"{len(group.configs)} runs together, from epoch {self._completed} on"
        )

    def train(self, stop_requested: StopRequest) -> TrainedGroup:
        _compile(self._group, self._states)
        self._watch.lap("preparing")
        if not self._completed and not self._members[0].history:
            self._evaluate()
        self._display.start()
        for epoch in range(self._completed, self._config.epochs):
            if all(member.diverged for member in self._members):
                break
            if stop_requested.is_set():
                self._save()
                raise Interrupted(
                    f"{len(self._members)} runs interrupted after {epoch} epochs, all saved"
                )
            self._train_epoch(epoch)
        self._save()
        return TrainedGroup(self._group, self._states, self._members, self._source, self._watch)

    def _train_epoch(self, epoch: int) -> None:
        start = time.monotonic()
        self._states, losses = self._group.train_epoch(self._states, epoch)
        self._watch.lap("training")
        self._completed = epoch + 1
        for member, loss in zip(self._members, losses, strict=True):
            if not member.diverged:
                member.epochs, member.diverged = self._completed, not math.isfinite(loss)
        last = self._completed == self._config.epochs
        if self._completed % self._config.regions.every == 0 or last:
            self._evaluate()
        if self._completed % self._config.checkpoint_every == 0 and not last:
            self._save()
        alive = losses[np.isfinite(losses)]
        self._display.epoch_of_group(
            self._completed, float(alive.mean()) if len(alive) else math.nan,
            time.monotonic() - start,
        )  # fmt: skip

    def _evaluate(self) -> None:
        scores = self._group.evaluate(self._states)
        self._watch.lap("evaluating")
        going = [number for number, member in enumerate(self._members) if not member.diverged]
        finite = [number for number in going if math.isfinite(scores[number][0].loss)]
        sections = [self._group.configs[number].regions for number in finite]
        counted = self._group.count(self._states, finite, sections)
        counts = dict(zip(finite, counted, strict=True))
        self._watch.lap("counting")
        for number in going:
            member, regions = self._members[number], counts.get(number)
            rate = schedule_of(self._group.configs[number]).rate(self._completed)
            member.counts = [] if regions is None else np.asarray(regions.counts).tolist()
            entry = history_entry(self._completed, rate, *scores[number], member.counts)
            member.history.append(entry)
            member.diverged = regions is None

    def _save(self) -> None:
        progress = {
            "completed": self._completed,
            "members": [dataclasses.asdict(member) for member in self._members],
            "source": self._source,
        }
        self._checkpoints.save(self._states, progress, self._completed)
        self._watch.lap("keeping")
        self._watch.write()

    def close(self) -> None:
        self._display.close()
        self._checkpoints.close()


def _compile(group: Group, states: TrainState) -> None:
    """Compiles an epoch; raises MemoryError before the system ends the process for it."""
    needed, there = group.compile(states), available_memory()
    if there is not None and needed > there:
        raise MemoryError(
            f"an epoch of {len(group.configs)} runs together takes {needed / 2**30:.1f} GiB, and "
            f"{there / 2**30:.1f} GiB are available"
        )
