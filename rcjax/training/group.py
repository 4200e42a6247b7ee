"""Runs that share a program, trained, evaluated and counted as one; nothing is written but
checkpoints of the whole group.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rcjax import RegionCounts
from rcjax.config import RegionsSection, RunConfig
from rcjax.data import Dataset, load, with_draws
from rcjax.runtime import (
    Interrupted,
    StopRequest,
    available_memory,
    local_mesh,
    replicate,
    require_devices,
)
from rcjax.training.checkpoints import Checkpoints
from rcjax.training.counting import count_with, sample_slices
from rcjax.training.evaluation import Scores
from rcjax.training.experiment import Experiment, history_entry
from rcjax.training.finished_run import FinishedRun
from rcjax.training.initial_weights import checkpoint_hash
from rcjax.training.inputs import strengths_of
from rcjax.training.optimizer import optimizer_of
from rcjax.training.progress import ProgressDisplay
from rcjax.training.record import trained_record
from rcjax.training.schedules import schedule_of
from rcjax.training.stacking import (
    Images,
    stacked_epoch,
    stacked_evaluation,
    stacked_numbers,
    training_images,
)
from rcjax.training.state import TrainState, create_state
from rcjax.training.validation import check_config, check_fits

_WIDEST = 25  # networks counted in one call


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


class Group:
    """The compiled parts of runs of one `group_key`, which are trained as one.

    Args:
        configs: of the runs, checked.

    Raises:
        UserError: the data set cannot be used, or does not fit a run.
    """

    def __init__(self, configs: Sequence[RunConfig]):
        self.configs = configs
        first = configs[0]
        undrawn = {"train_examples": 0, "label_noise": 0.0}
        whole = load(first.dataset, **(first.data_choices() | undrawn))
        draw = functools.cache(functools.partial(with_draws, whole))
        self.datasets: list[Dataset] = []
        for config in configs:
            drawn = {"train_examples": config.train_examples, "label_noise": config.label_noise}
            seed = {"seed": config.seed} if any(drawn.values()) else {}
            self.datasets.append(draw(**drawn, **seed))
            check_fits(config, self.datasets[-1])
        self.experiment = Experiment(first, self.datasets[0])
        self._mesh = local_mesh()
        # Copied to the devices once and not with every epoch.
        self._train = replicate(self._mesh, training_images(self.datasets))
        self._test = replicate(self._mesh, Images(whole.test_images, whole.test_labels))
        self._epoch = stacked_epoch(*self.experiment.epoch_parts, self._train.axes())
        self._compiled: Any = None
        self._draw_slices = functools.cache(self._slices)

    def first_states(self) -> TrainState:
        """Returns the states before the first epoch, stacked.

        Raises:
            UserError: the configs' checkpoint cannot be read, or is of another network.
        """
        states = self.random_states()
        if self.configs[0].checkpoint:
            given = self.experiment.initial_state()
            for name in ("parameters", "model_state"):
                states[name] = jax.tree.map(
                    lambda leaf: np.broadcast_to(leaf, (len(self.configs), *leaf.shape)),
                    given[name],
                )
        return replicate(self._mesh, states)

    def random_states(self) -> TrainState:
        """Returns the same with random weights; reads no file."""
        create = functools.partial(create_state, *self.experiment.creation_parts)
        seeds = np.array([config.seed for config in self.configs], np.uint32)
        states: TrainState = replicate(self._mesh, jax.jit(jax.vmap(create))(seeds))
        return states

    def compile(self, states: TrainState) -> int:
        """Compiles an epoch; returns the bytes that it takes beside its arguments."""
        lowered = self._epoch.lower(states, *self._train, self._numbers(0))
        self._compiled = lowered.compile()
        found = self._compiled.memory_analysis()
        return int(found.temp_size_in_bytes) if found is not None else 0

    def train_epoch(self, states: TrainState, epoch: int) -> tuple[TrainState, np.ndarray]:
        """Trains the epoch after `epoch` epochs, for which `states` are used up. Compile first.

        Returns:
            The new states, and the mean loss of each run.
        """
        new_states, (losses, _) = self._compiled(states, *self._train, self._numbers(epoch))
        return new_states, np.asarray(losses)

    def _numbers(self, epoch: int) -> dict[str, jax.Array]:
        numbers = stacked_numbers([numbers_of(config, epoch) for config in self.configs])
        placed: dict[str, jax.Array] = replicate(self._mesh, numbers)
        return placed

    def evaluate(self, states: TrainState) -> list[tuple[Scores, Scores]]:
        """Returns the scores of every run on training and on test images."""
        networks = (states["parameters"], states["model_state"])
        found = [
            stacked_evaluation(*self.experiment.evaluation_parts, data.axes())(networks, data)
            for data in (self._train, self._test)
        ]
        return list(zip(*found, strict=True))

    def count(
        self, states: TrainState, members: Sequence[int], sections: Sequence[RegionsSection]
    ) -> list[RegionCounts]:
        """Counts regions of some runs' networks, those of one seed on the same slices together.

        Args:
            states: of all runs.
            members: numbers of the runs that are counted.
            sections: how, for each of them.
        """
        alike: dict[tuple[RegionsSection, int], list[int]] = {}
        for place, (member, section) in enumerate(zip(members, sections, strict=True)):
            alike.setdefault((section, self.configs[member].seed), []).append(place)
        widest = max((len(places) for places in alike.values()), default=0)
        found: dict[int, RegionCounts] = {}
        for (section, seed), places in alike.items():
            anchors = self._draw_slices(members[places[0]], section, seed)
            for some in _parts(places, min(widest, _WIDEST)):
                networks = [members[place] for place in some]
                counted = self._count_stacked(states, networks, anchors, section)
                found |= zip(some, counted, strict=False)
        return [found[place] for place in range(len(members))]

    def _slices(self, member: int, section: RegionsSection, seed: int) -> np.ndarray:
        return sample_slices(self.datasets[member], section, seed)

    def _count_stacked(
        self, states: TrainState, members: list[int], anchors: np.ndarray, section: RegionsSection
    ) -> Iterator[RegionCounts]:
        chosen = np.array(members)
        networks = jax.tree.map(
            lambda leaf: leaf[chosen], (states["parameters"], states["model_state"])
        )
        predict = self.experiment.predict
        if section.method == "exact":  # which takes one network at a time
            for number in range(len(members)):
                one = jax.tree.map(lambda leaf, i=number: leaf[i], networks)
                yield count_with(jax.tree_util.Partial(predict, *one), anchors, section)
            return
        counts = count_with(_predict_one(predict), anchors, section, networks=networks)
        yield from (counts[number] for number in range(len(members)))

    def finished(self, states: TrainState, member: int) -> FinishedRun:
        """Returns the network of one run, as a run by itself would leave it."""
        config, dataset = self.configs[member], self.datasets[member]
        shares = self.experiment if dataset is self.datasets[0] else None
        state = jax.tree.map(lambda leaf: leaf[member], states)
        return FinishedRun(config, dataset, Experiment(config, dataset, shares), state)


@functools.lru_cache(maxsize=8)
def _predict_one(predict: Any) -> Any:
    return lambda network, points: predict(*network, points)


def numbers_of(config: RunConfig, epoch: int) -> dict[str, float]:
    """Returns the numbers of the next epoch of a run once `epoch` epochs are completed."""
    rate = {"learning_rate": schedule_of(config).rate(epoch)}
    return rate | optimizer_of(config)[1] | strengths_of(config)


def _parts(places: Sequence[int], size: int) -> Iterator[list[int]]:
    """Divides places among lists of one size, the last filled up with its first: one program."""
    for start in range(0, len(places), size):
        part = list(places[start : start + size])
        yield part + part[:1] * (size - len(part))


@dataclasses.dataclass(frozen=True)
class TrainedGroup:
    """A group after its last epoch.

    Attributes:
        group: its compiled parts.
        states: of all runs, stacked.
        members: the course of each run.
        source: the checkpoint that training began with; None for random weights.
    """

    group: Group
    states: TrainState
    members: list[MemberProgress]
    source: dict[str, str] | None = None

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
        return self.group.finished(self.states, member)


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
    run = _OngoingGroup(Group(configs), folder)
    try:
        return run.train(stop_requested)
    finally:
        run.close()


class _OngoingGroup:
    """A group from its newest checkpoint, or from the beginning, that trains on."""

    def __init__(self, group: Group, folder: Path):
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
        return TrainedGroup(self._group, self._states, self._members, self._source)

    def _train_epoch(self, epoch: int) -> None:
        start = time.monotonic()
        self._states, losses = self._group.train_epoch(self._states, epoch)
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
        going = [number for number, member in enumerate(self._members) if not member.diverged]
        finite = [number for number in going if math.isfinite(scores[number][0].loss)]
        sections = [self._group.configs[number].regions for number in finite]
        counted = self._group.count(self._states, finite, sections)
        counts = dict(zip(finite, counted, strict=True))
        for number in going:
            member, regions = self._members[number], counts.get(number)
            rate = schedule_of(self._group.configs[number]).rate(self._completed)
            member.history.append(history_entry(self._completed, rate, *scores[number], regions))
            member.counts = [] if regions is None else np.asarray(regions.counts).tolist()
            member.diverged = regions is None

    def _save(self) -> None:
        progress = {
            "completed": self._completed,
            "members": [dataclasses.asdict(member) for member in self._members],
            "source": self._source,
        }
        self._checkpoints.save(self._states, progress, self._completed)

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
