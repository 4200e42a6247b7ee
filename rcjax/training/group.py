"""The compiled parts of runs that share a program: trained, evaluated and counted as one."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from rcjax import RegionCounts
from rcjax.config import RegionsSection, RunConfig
from rcjax.data import Dataset, load, with_draws
from rcjax.runtime import local_mesh, replicate
from rcjax.training.counting import count_with, sample_slices
from rcjax.training.evaluation import Scores
from rcjax.training.experiment import Experiment, program_bytes
from rcjax.training.finished_run import FinishedRun
from rcjax.training.inputs import strengths_of
from rcjax.training.optimizer import optimizer_of
from rcjax.training.schedules import schedule_of
from rcjax.training.stacking import (
    Images,
    stacked_epoch,
    stacked_evaluation,
    stacked_numbers,
    training_images,
)
from rcjax.training.state import TrainState, create_state
from rcjax.training.validation import check_fits

_WIDEST = 25  # networks counted in one call


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
        self._first_of_seed: dict[int, int] = {}
        for member, config in enumerate(configs):
            self._first_of_seed.setdefault(config.seed, member)

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

    def program_bytes(self) -> int | None:
        """Bytes on a device of the compiled program of an epoch; None where it does not say."""
        return program_bytes(self._compiled)

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
        """Counts regions of some runs' networks, those that are counted alike together.

        Args:
            states: of all runs.
            members: numbers of the runs that are counted.
            sections: how, for each of them.
        """
        alike: dict[RegionsSection, list[int]] = {}
        for place, section in enumerate(sections):
            alike.setdefault(section, []).append(place)
        found: dict[int, RegionCounts] = {}
        for section, places in alike.items():
            for some in _parts(places, min(len(places), _WIDEST)):
                counted = self._count_stacked(states, [members[place] for place in some], section)
                found |= zip(some, counted, strict=False)
        return [found[place] for place in range(len(members))]

    def _slices(self, member: int, section: RegionsSection) -> np.ndarray:
        return sample_slices(self.datasets[member], section, self.configs[member].seed)

    def _count_stacked(
        self, states: TrainState, members: list[int], section: RegionsSection
    ) -> Iterator[RegionCounts]:
        networks = jax.tree.map(
            lambda leaf: leaf[np.array(members)], (states["parameters"], states["model_state"])
        )
        predict = self.experiment.predict
        seeds = [self.configs[member].seed for member in members]
        anchors = [self._draw_slices(self._first_of_seed[seed], section) for seed in seeds]
        if section.method == "exact":  # which takes one network at a time
            for number in range(len(set(members))):  # and needs no filling up
                one = jax.tree.map(lambda leaf, i=number: leaf[i], networks)
                yield count_with(jax.tree_util.Partial(predict, *one), anchors[number], section)
            return
        own = len(self._first_of_seed) > 1  # one seed's networks share their slices
        counts = count_with(
            _predict_one(predict), np.stack(anchors) if own else anchors[0], section,
            networks=networks, own_slices=own,
        )  # fmt: skip
        yield from (counts[number] for number in range(len(members)))

    def finished(self, states: TrainState, first: TrainState, member: int) -> FinishedRun:
        """Returns the network of one run, as a run by itself would leave it.

        Args:
            states: of all runs at the end, on the host.
            first: the same before the first epoch.
            member: number of the run.
        """
        config, dataset = self.configs[member], self.datasets[member]
        shares = self.experiment if dataset is self.datasets[0] else None
        last, start = (
            replicate(self._mesh, jax.tree.map(lambda leaf: leaf[member], stacked))
            for stacked in (states, first)
        )
        return FinishedRun(config, dataset, Experiment(config, dataset, shares), last, start)


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
