"""Training on data sets that stay on the disk: batches are read while the devices compute."""

import collections
import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from rcjax.config import RunConfig
from rcjax.data import AnyDataset, ImageStream, Purpose, generator
from rcjax.data.streamed import Batch, Cropping, Readers, StreamedSplit, batches, epoch_order
from rcjax.runtime import divide_batch, place_rows, replicated, rows_of_host
from rcjax.training.epoch import EpochMetrics, EpochSettings
from rcjax.training.evaluation import Scores
from rcjax.training.experiment import EpochPart, Experiment, Position
from rcjax.training.inputs import epoch_keys, training_inputs
from rcjax.training.optimizer import Optimizer
from rcjax.training.state import TrainState, state_after
from rcjax.training.step import Apply, Learned, train_step

_EVALUATION_BATCH = 512
_STEPS_AHEAD = 2  # begun before the results of an earlier one are fetched


def make_experiment(config: RunConfig, dataset: AnyDataset) -> Experiment:
    """Returns the experiment of a run, for data sets in memory and for those that are streamed."""
    if isinstance(dataset, ImageStream):
        return StreamedExperiment(config, dataset)
    return Experiment(config, dataset)


class StreamedExperiment(Experiment):
    """An experiment whose images are read from the disk, in every epoch anew.

    The order of an epoch and the crop of each picture depend on seed and epoch alone. So a run
    that was interrupted within an epoch goes on with the batch that was next, with the same
    pictures, however many processes read them.

    Args:
        config: the run's config, checked.
        dataset: its data set.
    """

    def _place(self, dataset: Any, shares_arrays_with: Experiment | None) -> None:
        self._stream: ImageStream = dataset
        self._readers = Readers(self._config.streaming.processes)
        self._step = _make_step(*self.epoch_parts)

    def compile(self, state: TrainState) -> float:
        """Compiles a step ahead of the first epoch; returns the seconds it took."""
        start = time.monotonic()
        self._compiled = self.lower(state).compile()
        return time.monotonic() - start

    def lower(self, state: TrainState) -> jax.stages.Lowered:
        """Returns the program of a step with a full batch."""
        size = self._config.batch_size
        rows = len(rows_of_host(self._mesh, size))
        images = np.zeros((rows, *self._stream.image_shape), np.uint8)
        batch = place_rows(self._mesh, (images, np.zeros(rows, np.int32)), size)
        numbers = self._on_devices(self.hyperparameters(0))
        keys = epoch_keys(state).of_step(0)
        return self._step.lower(_learned(state), *batch, numbers, keys, size)

    def epoch_in_parts(
        self, state: TrainState, epoch: int, position: Position | None, stopping: Callable[[], bool]
    ) -> Iterator[EpochPart]:
        """As `Experiment.epoch_in_parts`, with pauses every `streaming.checkpoint_steps` steps.

        Raises:
            UserError: a picture cannot be decoded; the line names it.
        """
        config, steps, total = self._config, self.checkpoints_per_epoch, self._stream.train_size
        numbers = self._on_devices(self.hyperparameters(epoch))
        learned, keys = _learned(state), epoch_keys(state)
        sums = _RunningSums(position or Position(0, 0.0, 0.0))
        with contextlib.closing(self._batches_of(epoch, sums.position.step)) as source:
            for step, batch in enumerate(source, sums.position.step + 1):
                size = min(config.batch_size, total - (step - 1) * config.batch_size)
                arguments = (*place_rows(self._mesh, batch, size), numbers, keys.of_step(step - 1))
                if size == config.batch_size:
                    learned, metrics = self._compiled(learned, *arguments)
                else:
                    learned, metrics = self._step(learned, *arguments, size)
                sums.add(size, metrics)
                due = config.streaming.checkpoint_steps
                if step < steps and ((due and step % due == 0) or stopping()):
                    yield EpochPart(state_after(state, learned, epochs=0), sums.up_to_now(), None)
        found = sums.up_to_now()
        entry = self.entry(
            epoch, EpochMetrics(jnp.asarray(found.loss / total), jnp.asarray(found.correct))
        )
        yield EpochPart(state_after(state, learned, epochs=1), None, entry)

    def _batches_of(self, epoch: int, first: int) -> Generator[Batch]:
        """Yields this host's rows of every batch, the last of which may have none for it."""
        config, split = self._config, self._stream.train
        order = epoch_order(len(split), config.seed, epoch)
        whole, left = divmod(len(order), config.batch_size)
        rows, last = (rows_of_host(self._mesh, size) for size in (config.batch_size, left))
        full = order[: len(order) - left].reshape(whole, -1)[:, rows.start : rows.stop]
        own = np.concatenate([full.ravel(), order[len(order) - left :][last.start : last.stop]])
        yield from batches(
            split,
            own,
            len(rows),
            first=first,
            cropping=Cropping(config.random_crop, config.random_flip, config.seed, epoch),
            readers=self._readers,
        )
        if left and not last:
            shape = self._stream.image_shape
            yield Batch(np.empty((0, *shape), np.uint8), np.empty(0, np.int32))

    def _scores(self, network: tuple[Any, Any]) -> tuple[Scores, Scores]:
        """On clean training images, all or `streaming.evaluated_examples`, and on test images."""
        train, test = self._stream.train, self._stream.test
        count = self._config.streaming.evaluated_examples
        chosen = np.arange(len(train))
        if count:
            random = generator(self._config.seed, Purpose.EVALUATED)
            chosen = np.sort(random.permutation(chosen)[:count])
        return self._score(network, train, chosen), self._score(network, test, np.arange(len(test)))

    def score_some(self, state: TrainState, examples: int) -> None:
        """Scores the first training images, as an evaluation does with all."""
        network = (state["parameters"], state["model_state"])
        self._score(network, self._stream.train, np.arange(examples))

    @property
    def evaluated_examples(self) -> int:
        """Images that an evaluation reads, training and test images together."""
        train = self._config.streaming.evaluated_examples or len(self._stream.train)
        return train + len(self._stream.test)

    def _score(self, network: Any, split: StreamedSplit, chosen: np.ndarray) -> Scores:
        parameters, model_state = network
        starts = self._hosts.share_of(range(0, len(chosen), _EVALUATION_BATCH))
        share = chosen[starts.start : starts.stop]
        own: list[tuple[float, int]] = []
        for batch in batches(split, share, _EVALUATION_BATCH, readers=self._readers):
            scores, size = self._evaluate(parameters, model_state, *batch), len(batch.labels)
            own.append((scores.loss * size, round(scores.accuracy * size / 100)))
        losses, corrects = zip(*self._hosts.gather_all(own), strict=True)
        return Scores(sum(losses) / len(chosen), 100.0 * sum(corrects) / len(chosen))


class _RunningSums:
    """Loss and correct answers of the steps so far.

    Results are fetched a few steps late, so that the devices never wait for the host.
    """

    def __init__(self, position: Position):
        self.position = position
        self._waiting: collections.deque[tuple[int, Any]] = collections.deque()

    def add(self, examples: int, metrics: Any) -> None:
        """Takes in a step that was begun."""
        self._waiting.append((examples, metrics))
        if len(self._waiting) > _STEPS_AHEAD:
            self._fetch()

    def up_to_now(self) -> Position:
        """Waits for all steps that were begun."""
        while self._waiting:
            self._fetch()
        return self.position

    def _fetch(self) -> None:
        examples, metrics = self._waiting.popleft()
        loss, correct = jax.device_get(tuple(metrics))
        step, losses, corrects = self.position
        self.position = Position(
            step + 1, losses + examples * float(loss), corrects + float(correct)
        )


def _learned(state: TrainState) -> Learned:
    return Learned(state["parameters"], state["model_state"], state["optimizer_state"])


@functools.lru_cache(maxsize=8)
def _make_step(apply: Apply, optimizer: Optimizer, settings: EpochSettings, mesh: Mesh) -> Any:
    """Returns a step of a batch, compiled.

    It is `step(learned, images, labels, hyperparameters, keys, examples) -> (learned, metrics)`.
    Images are uint8 and come cropped and mirrored; all further augmentation is done here. The keys
    are those of the step. Only the first `examples` images count; the others fill the batch up to
    a multiple of the devices. The first argument is donated.
    """
    inputs = settings.inputs._replace(random_crop=False, random_flip=False)

    def step(learned, images, labels, hyperparameters, keys, examples):
        images, labels = images[:examples], labels[:examples]
        batch, batch_labels = training_inputs(inputs, keys, images, labels, hyperparameters)
        batch, batch_labels = divide_batch(mesh, (batch, batch_labels))
        return train_step(apply, optimizer, learned, batch, batch_labels, hyperparameters)

    return jax.jit(step, donate_argnums=0, static_argnums=5, out_shardings=replicated(mesh))
