"""One epoch of training in one compiled call, from a data set that lives on the device."""

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
from rcjax.training.step import Apply, Learned, StepMetrics, train_step


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


@functools.lru_cache(maxsize=32)
def make_epoch(apply: Apply, optimizer: Optimizer, settings: EpochSettings, mesh: Mesh) -> Any:
    """Compiles `epoch_function` when it is first called or lowered.

    The state given is donated, so it must not be used again. Equal arguments give the same
    function: runs of one process that differ only in seed and hyperparameters compile once.
    """
    run_epoch = epoch_function(apply, optimizer, settings, mesh)
    return jax.jit(run_epoch, donate_argnums=0, out_shardings=replicated(mesh))


def epoch_function(
    apply: Apply, optimizer: Optimizer, settings: EpochSettings, mesh: Mesh
) -> Callable[..., tuple[TrainState, EpochMetrics]]:
    """Returns `run_epoch(state, images, labels, hyperparameters) -> (state, metrics)`, pure.

    Images are uint8 `[examples, height, width, channels]`, labels int32 `[examples]`, the
    hyperparameters float scalars by name, the optimizer's and the augmentation's. Every example is
    trained once: as many full batches as there are, then the smaller rest.
    """

    def run_epoch(state, images, labels, hyperparameters):
        order_key, _ = jax.random.split(jax.random.fold_in(state["key"], state["epoch"]))
        keys = epoch_keys(state)
        examples = len(images)
        order = jax.random.permutation(order_key, examples)
        steps = examples // settings.batch_size
        in_full_batches = steps * settings.batch_size

        def step(learned: Learned, inputs) -> tuple[Learned, StepMetrics]:
            number, chosen = inputs
            step_keys, chosen_labels = keys.of_step(number), labels[chosen]
            batch, batch_labels = training_inputs(
                settings.inputs, step_keys, images[chosen], chosen_labels, hyperparameters
            )
            batch, batch_labels = divide_batch(mesh, (batch, batch_labels))
            return train_step(apply, optimizer, learned, batch, batch_labels, hyperparameters)

        learned = Learned(state["parameters"], state["model_state"], state["optimizer_state"])
        batches = order[:in_full_batches].reshape(steps, settings.batch_size)
        learned, metrics = jax.lax.scan(step, learned, (jnp.arange(steps), batches))
        loss = settings.batch_size * metrics.loss.sum()
        correct = metrics.correct.sum(dtype=metrics.correct.dtype)
        if in_full_batches < examples:
            learned, last = step(learned, (steps, order[in_full_batches:]))
            loss = loss + (examples - in_full_batches) * last.loss
            correct = correct + last.correct
        return state_after(state, learned, epochs=1), EpochMetrics(loss / examples, correct)

    return run_epoch
