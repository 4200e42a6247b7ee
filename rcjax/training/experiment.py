"""The compiled parts of a run, made from its config and its data set."""

import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rcjax import RegionCounts, models
from rcjax.config import RegionsSection, RunConfig
from rcjax.data import AnyDataset
from rcjax.runtime import current_hosts, local_copies, local_mesh, replicate, whole_mesh
from rcjax.training.counting import count_with, sample_slices
from rcjax.training.epoch import EpochMetrics, EpochSettings, EpochSums, make_epoch, no_sums
from rcjax.training.evaluation import Scores, compile_evaluation
from rcjax.training.figures import draw_figures
from rcjax.training.initial_weights import NetworkArrays, read_network
from rcjax.training.inputs import input_settings_of
from rcjax.training.optimizer import optimizer_of
from rcjax.training.pace import Pace
from rcjax.training.schedules import schedule_of
from rcjax.training.state import TrainState, state_creation


class Position(NamedTuple):
    """A place within an epoch, and the figures of the steps up to it."""

    step: int  # of the epoch, completed
    loss: float  # summed over examples
    correct: float


class EpochPart(NamedTuple):
    """A part of an epoch: up to a position at which it pauses, or to its end, with its entry."""

    state: TrainState
    position: Position | None
    entry: dict[str, Any] | None

    @property
    def step(self) -> int:
        """Steps of the epoch at which it pauses."""
        return self.position.step if self.position else 0


class Experiment:
    """The deeds of a run, without their order.

    A step is computed on the devices of all hosts. Everything else is done by each host with its
    own copy of the network: evaluation and counts are divided among them and gathered.

    Training computes in the config's precision. Evaluation and region counts are in float32
    whatever that is: rounding logits to bfloat16 moves the borders of regions.

    Args:
        config: the run's config, checked.
        dataset: its data set; goes to the devices once and stays there.
        shares_arrays_with: an experiment on the same data set, whose arrays on the devices are
            used.

    Attributes:
        checkpoints_per_epoch: how many places an epoch has at which a checkpoint can be saved.
        pace: how long an epoch goes on without such a place.
    """

    def __init__(
        self, config: RunConfig, dataset: AnyDataset, shares_arrays_with: "Experiment | None" = None
    ):
        self._config = config
        self._dataset = dataset
        self._hosts = current_hosts()
        self._mesh = whole_mesh()
        self._optimizer, numbers = optimizer_of(config)
        inputs, strengths = input_settings_of(config, dataset)
        self._numbers = {**numbers, **strengths}
        self._schedule = schedule_of(config)
        self._network_shape = self._shape(dataset)
        self._init, apply = self._functions(jnp.float32)
        self.creation_parts = (self._init, self._optimizer)
        self.apply = apply
        apply_training = apply
        if config.precision == "bfloat16":
            apply_training = self._functions(jnp.bfloat16)[1]
        settings = EpochSettings(config.batch_size, inputs)
        smallest = dataset.train_size % config.batch_size or config.batch_size
        images = (smallest, *dataset.image_shape)
        _check_images_fit(self._init, apply_training, images, training=config.epochs > 0)
        # Equal for runs that may be trained together, see `rcjax.training.stacking`.
        self.epoch_parts = (apply_training, self._optimizer, settings, self._mesh)
        self.checkpoints_per_epoch = -(-dataset.train_size // config.batch_size)
        self.pace = Pace(hosts=self._hosts)
        self.evaluation_parts = (apply, inputs.mean, inputs.std)
        self._evaluate = compile_evaluation(*self.evaluation_parts, local_mesh())
        self.predict = models.predictor(config.network, **self._network_shape)
        self._mean, self._std = dataset.mean, dataset.std
        self._place(dataset, shares_arrays_with)

    @functools.cached_property
    def anchors(self) -> np.ndarray:
        """The run's own slices, drawn when they are first asked for."""
        return sample_slices(self._dataset, self._config.regions, self._config.seed)

    def _place(self, dataset: Any, shares_arrays_with: "Experiment | None") -> None:
        """Brings the data set to the devices."""
        train = (dataset.train_images, dataset.train_labels)
        test = (dataset.test_images, dataset.test_labels)
        self._arrays: tuple[tuple[Any, Any], tuple[Any, Any]] = (
            shares_arrays_with._arrays
            if shares_arrays_with is not None
            else replicate(local_mesh(), (train, test))
        )
        self.train_arrays: tuple[Any, Any] = self._arrays[0]
        self._test_arrays = self._arrays[1]
        self._shared_arrays = replicate(self._mesh, self.train_arrays)
        self._epoch = make_epoch(*self.epoch_parts)

    def _shape(self, dataset: AnyDataset) -> dict[str, Any]:
        height, _, channels = dataset.image_shape
        return {
            "num_classes": dataset.num_classes,
            "width": self._config.width or None,
            "channels": channels,
            "image_size": height,
            "depth": self._config.depth or None,
        }

    def _functions(self, compute_dtype: Any) -> tuple[Any, Any]:
        """Returns the network's init and apply."""
        return models.functional(
            self._config.network, **self._network_shape, compute_dtype=compute_dtype
        )

    def initial_state(self) -> TrainState:
        """Returns the state before the first epoch, on all devices.

        Raises:
            UserError: the config's checkpoint cannot be read, or is of another network.
        """
        state = self.random_state()
        if path := self._config.checkpoint:
            like = NetworkArrays(state["parameters"], state["model_state"])
            network = read_network(path, self._config.network, self._network_shape, like)
            state["parameters"], state["model_state"] = network
        return replicate(self._mesh, state)

    def random_state(self) -> TrainState:
        """Returns the same with random weights, whatever the config's checkpoint; reads no file."""
        create = state_creation(*self.creation_parts)
        return replicate(self._mesh, create(np.uint32(self._config.seed)))

    def compile(self, state: TrainState) -> float:
        """Compiles the programs of an epoch ahead of the first; returns the seconds it took."""
        start = time.monotonic()
        self._compiled = self.lower(state).compile()
        self._end_epoch = self._epoch.end.lower(*self._arguments(state, None, 0)).compile()
        return time.monotonic() - start

    def lower(self, state: TrainState) -> jax.stages.Lowered:
        """The program of many steps, for all runs that differ in seed and numbers alone."""
        return self._epoch.steps.lower(*self._arguments(state, None, 0), 0, 1)

    def _arguments(self, state: TrainState, position: Position | None, epoch: int) -> Any:
        """Those of both programs of an epoch, at the beginning of it or at a position."""
        sums = no_sums(self.epoch_parts[2])
        if position is not None:
            given = zip(position[1:], sums, strict=True)
            sums = EpochSums(*(like.dtype.type(value) for value, like in given))
        numbers = self._on_devices(self.hyperparameters(epoch))
        return state, replicate(self._mesh, sums), *self._shared_arrays, numbers

    def _on_devices(self, values: dict[str, float]) -> dict[str, jax.Array]:
        return replicate(self._mesh, {name: np.float32(value) for name, value in values.items()})

    def hyperparameters(self, epoch: int) -> dict[str, float]:
        """Returns the numbers of the next epoch once `epoch` epochs are completed, by name."""
        return {"learning_rate": self.learning_rate(epoch), **self._numbers}

    def learning_rate(self, epoch: int) -> float:
        """Returns the learning rate once `epoch` epochs are completed."""
        return self._schedule.rate(epoch)

    def epoch_in_parts(
        self, state: TrainState, epoch: int, position: Position | None, stopping: Callable[[], bool]
    ) -> Iterator[EpochPart]:
        """Trains one epoch, with pauses in which a checkpoint can be saved. Call `compile` first.

        Args:
            state: at the beginning of the epoch or at `position`; it is used up.
            epoch: epochs completed.
            position: where in the epoch a checkpoint was saved.
            stopping: asks for a pause as soon as there can be one.
        """
        state, sums, *arguments = self._arguments(state, position, epoch)
        step, last = position.step if position else 0, self.checkpoints_per_epoch
        full = self._dataset.train_size // self._config.batch_size
        while step < full:
            steps, start = self.pace.next(full - step), time.monotonic()
            state, sums = self._compiled(state, sums, *arguments, step, step + steps)
            jax.block_until_ready(sums)
            self.pace.note(steps, time.monotonic() - start)
            step += steps
            if step < last and stopping():
                yield EpochPart(state, Position(step, *map(float, jax.device_get(sums))), None)
        state, metrics = self._end_epoch(state, sums, *arguments)
        yield EpochPart(state, None, self.entry(epoch, jax.device_get(EpochMetrics(*metrics))))

    def entry(self, epoch: int, metrics: EpochMetrics) -> dict[str, Any]:
        """The record's entry for the epoch after `epoch` epochs, from its figures on the host."""
        return {
            "epoch": epoch + 1,
            "learning_rate": self.learning_rate(epoch),
            "train_loss": float(metrics.loss),
            "train_accuracy": 100.0 * float(metrics.correct) / self._dataset.train_size,
        }

    def evaluate(
        self, state: TrainState, epoch: int, lap: Callable[[str], None] = lambda _: None
    ) -> tuple[dict[str, Any], list[int]]:
        """Returns the history's entry after `epoch` epochs, and the count of every slice.

        A network whose loss is not finite has no regions: its counts are missing, their mean NaN.

        Args:
            state: the network.
            epoch: epochs completed.
            lap: is told when "evaluating" and "counting" are over.
        """
        network = _network_of(state)
        train, test = self._scores(network)
        lap("evaluating")
        counts: list[int] = []
        if math.isfinite(train.loss):
            share = self._hosts.share_of(self.anchors)
            own: list[int] = []
            if len(share):
                own = np.asarray(self._count(network, share, self._config.regions).counts).tolist()
            counts = self._hosts.gather_all(own)
        lap("counting")
        return history_entry(epoch, self.learning_rate(epoch), train, test, counts), counts

    def _scores(self, network: tuple[Any, Any]) -> tuple[Scores, Scores]:
        """On clean training images and on test images."""
        train, test = self.train_arrays, self._test_arrays
        return (
            self._evaluate(*network, *train, self._hosts),
            self._evaluate(*network, *test, self._hosts),
        )

    def score_some(self, state: TrainState, examples: int) -> None:
        """Scores the first training images, as an evaluation does with all."""
        images, labels = self.train_arrays
        self._evaluate(*_network_of(state), images[:examples], labels[:examples])

    @property
    def evaluated_examples(self) -> int:
        """Images that an evaluation reads, training and test images together."""
        return self._dataset.train_size + self._dataset.test_size

    def program_bytes(self) -> int | None:
        """Bytes on a device of the compiled program of an epoch; None where it does not say."""
        return program_bytes(self._compiled)

    def _count(
        self,
        network: tuple[Any, Any],
        anchors: np.ndarray,
        regions: RegionsSection,
        *,
        sizes: bool = False,
    ) -> RegionCounts:
        predict = jax.tree_util.Partial(self.predict, *network)
        return count_with(predict, anchors, regions, sizes=sizes)

    def count_on(
        self, state: TrainState, regions: RegionsSection, *, sizes: bool = False
    ) -> RegionCounts:
        """Counts the regions of a network on other slices than its run did.

        Args:
            state: the network.
            regions: checked. The run's own section gives the run's slices.
            sizes: keep the sizes of the regions too.
        """
        anchors = sample_slices(self._dataset, regions, self._config.seed)
        return self._count(_network_of(state), anchors, regions, sizes=sizes)

    def logits(self, state: TrainState, points: np.ndarray) -> np.ndarray:
        """Logits `[n, classes]` of normalised images `[n, height, width, channels]`."""
        predict = jax.jit(self.predict)
        return np.asarray(predict(*_network_of(state), points))

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Normalised images back in 0 .. 1, for pictures."""
        return np.clip(points * self._std + self._mean, 0.0, 1.0)

    def draw(self, record: dict[str, Any], state: TrainState, folder: Path) -> None:
        """Draws the pictures of the run that has ended, see `draw_figures`."""
        draw_figures(record, self, state, folder)


def program_bytes(compiled: Any) -> int | None:
    """Bytes of a compiled program on a device, its arguments among them; None if it is silent."""
    found = compiled.memory_analysis()
    if found is None:
        return None
    sizes = found.argument_size_in_bytes + found.output_size_in_bytes + found.temp_size_in_bytes
    return int(sizes - found.alias_size_in_bytes)


def history_entry(
    epoch: int, learning_rate: float, train: Scores, test: Scores, counts: Sequence[int]
) -> dict[str, Any]:
    """Returns an evaluation as the record's history has it; without counts their mean is NaN."""
    mean = float(np.mean(counts)) if counts else math.nan
    several = len(counts) > 1
    standard_error = float(np.std(counts, ddof=1) / np.sqrt(len(counts))) if several else math.nan
    return {
        "epoch": epoch,
        "learning_rate": learning_rate,
        "train_loss": train.loss,
        "train_accuracy": train.accuracy,
        "test_loss": test.loss,
        "test_accuracy": test.accuracy,
        "generalization_gap": train.accuracy - test.accuracy,
        "region_count": {"mean": mean, "standard_error": standard_error},
    }


def _network_of(state: TrainState) -> tuple[Any, Any]:
    """Returns this host's own copy of a state's network."""
    parameters, model_state = local_copies((state["parameters"], state["model_state"]))
    return parameters, model_state


@functools.lru_cache(maxsize=32)  # the runs of a study ask the same, and tracing takes seconds
def _check_images_fit(init: Any, apply: Any, images: tuple[int, ...], *, training: bool) -> None:
    """Lets the network refuse the images' size or the smallest batch. Computes nothing."""
    parameters, model_state = jax.eval_shape(init, jax.random.key(0))
    batch = jax.ShapeDtypeStruct(images, jnp.float32)
    jax.eval_shape(functools.partial(apply, train=training), parameters, model_state, batch)
