"""One epoch of training in compiled calls of many steps, from a data set on the device."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from rcjax.runtime import divide_batch, replicated
from rcjax.training.inputs import InputSettings, epoch_keys, training_inputs
from rcjax.training.optimizer import Optimizer
from rcjax.training.state import TrainState, state_after
from rcjax.training.step import Apply, Learned, train_step


class EpochSettings(NamedTuple):
    """The choices that are compiled into an epoch."""

    batch_size: int
    inputs: InputSettings


class EpochMetrics(NamedTuple):
    """Running figures of an epoch, in training mode and on augmented images.

    They are what PyTorch loops print. Where images are mixed, a prediction counts as correct with
    the share of the label that it meets.
    """

    loss: jax.Array  # mean over all examples
    correct: jax.Array  # examples classified correctly: int32, or a float where images are mixed


class EpochSums(NamedTuple):
    """The same figures of the steps of an epoch so far, summed over their examples."""

    loss: jax.Array  # float32 scalar
    correct: jax.Array  # int32 scalar, or float32 where images are mixed


class EpochPrograms(NamedTuple):
    """An epoch in two compiled functions; the state and the sums given to them are used up.

    Attributes:
        steps: `(state, sums, images, labels, hyperparameters, first, stop) -> (state, sums)` trains
            the full batches `first`, ..., `stop - 1`. Both are arguments: however an epoch is
            divided, the same program runs the same steps, and the bits are the same.
        end: `(state, sums, images, labels, hyperparameters) -> (state, metrics)` trains the
            smaller last batch, where there is one, and counts the epoch.
    """

    steps: Any
    end: Any


@functools.lru_cache(maxsize=32)
def make_epoch(
    apply: Apply, optimizer: Optimizer, settings: EpochSettings, mesh: Mesh
) -> EpochPrograms:
    """Returns the programs of an epoch; each compiles when it is first called or lowered.

    Equal arguments give the same functions: runs of one process that differ only in seed and
    hyperparameters compile once.
    """

    def run_steps(state, sums, images, labels, hyperparameters, first, stop):
        epoch = _Epoch(apply, optimizer, settings, mesh, state, images, labels, hyperparameters)
        learned, sums = epoch.full_batches((_learned(state), sums), first, stop)
        return state_after(state, learned, epochs=0), sums

    def end_epoch(state, sums, images, labels, hyperparameters):
        epoch = _Epoch(apply, optimizer, settings, mesh, state, images, labels, hyperparameters)
        return epoch.ended((_learned(state), sums))

    return EpochPrograms(
        *(
            jax.jit(program, donate_argnums=(0, 1), out_shardings=replicated(mesh))
            for program in (run_steps, end_epoch)
        )
    )


def epoch_function(
    apply: Apply, optimizer: Optimizer, settings: EpochSettings, mesh: Mesh
) -> Callable[..., tuple[TrainState, EpochMetrics]]:
    """Returns `run_epoch(state, images, labels, hyperparameters) -> (state, metrics)`, pure.

    Images are uint8 `[examples, height, width, channels]`, labels int32 `[examples]`, the
    hyperparameters float scalars by name, the optimizer's and the augmentation's. Every example is
    trained once: as many full batches as there are, then the smaller rest.
    """

    def run_epoch(state, images, labels, hyperparameters):
        epoch = _Epoch(apply, optimizer, settings, mesh, state, images, labels, hyperparameters)
        steps = len(images) // settings.batch_size
        begun = _learned(state), no_sums(settings)
        return epoch.ended(epoch.full_batches(begun, 0, steps))

    return run_epoch


def no_sums(settings: EpochSettings) -> EpochSums:
    """Returns the sums at the beginning of an epoch."""
    of_correct = jnp.float32 if settings.inputs.mixing else jnp.int32
    return EpochSums(jnp.zeros((), jnp.float32), jnp.zeros((), of_correct))


_Carry = tuple[Learned, EpochSums]


class _Epoch:
    """The steps of the epoch that a state stands at, inside a compiled function."""

    def __init__(
        self,
        apply: Apply,
        optimizer: Optimizer,
        settings: EpochSettings,
        mesh: Mesh,
        state: TrainState,
        images: jax.Array,
        labels: jax.Array,
        hyperparameters: dict[str, jax.Array],
    ):
        self._apply, self._optimizer, self._mesh = apply, optimizer, mesh
        self._settings, self._state = settings, state
        self._images, self._labels, self._hyperparameters = images, labels, hyperparameters
        order_key, _ = jax.random.split(jax.random.fold_in(state["key"], state["epoch"]))
        self._order = jax.random.permutation(order_key, len(images))
        self._keys = epoch_keys(state)

    def full_batches(self, carry: _Carry, first: Any, stop: Any) -> _Carry:
        size = self._settings.batch_size

        def step(number: jax.Array, carry: _Carry) -> _Carry:
            chosen = jax.lax.dynamic_slice_in_dim(self._order, number * size, size)
            return self._step(carry, number, chosen)

        return jax.lax.fori_loop(first, stop, step, carry)

    def ended(self, carry: _Carry) -> tuple[TrainState, EpochMetrics]:
        examples = len(self._images)
        steps, left = divmod(examples, self._settings.batch_size)
        if left:
            carry = self._step(carry, steps, self._order[-left:])
        learned, sums = carry
        metrics = EpochMetrics(sums.loss / examples, sums.correct)
        return state_after(self._state, learned, epochs=1), metrics

    def _step(self, carry: _Carry, number: jax.Array | int, chosen: jax.Array) -> _Carry:
        learned, sums = carry
        batch, batch_labels = training_inputs(
            self._settings.inputs,
            self._keys.of_step(number),
            self._images[chosen],
            self._labels[chosen],
            self._hyperparameters,
        )
        batch, batch_labels = divide_batch(self._mesh, (batch, batch_labels))
        learned, metrics = train_step(
            self._apply, self._optimizer, learned, batch, batch_labels, self._hyperparameters
        )
        loss = sums.loss + len(chosen) * metrics.loss
        return learned, EpochSums(loss, sums.correct + metrics.correct)


def _learned(state: TrainState) -> Learned:
    return Learned(state["parameters"], state["model_state"], state["optimizer_state"])
