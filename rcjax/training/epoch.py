"""One epoch of training in one compiled call, from a data set that lives on the device."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from rcjax.data import augment, normalize
from rcjax.training.devices import divide_batch, replicated
from rcjax.training.optimizer import Optimizer
from rcjax.training.state import TrainState
from rcjax.training.step import Apply, Learned, StepMetrics, train_step


class EpochSettings(NamedTuple):
    """What is fixed when an epoch is compiled."""

    batch_size: int
    mean: tuple[float, ...]  # of pixel / 255, for each channel
    std: tuple[float, ...]
    random_crop: bool
    random_flip: bool


class EpochMetrics(NamedTuple):
    """Running figures of an epoch, in training mode: what PyTorch loops print."""

    loss: jax.Array  # mean over all examples
    correct: jax.Array  # int32, examples classified correctly


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
    hyperparameters float scalars by name, the optimizer's. Every example is trained once: as many
    full batches as there are, then the smaller rest.
    """

    def run_epoch(state, images, labels, hyperparameters):
        order_key, augment_key = jax.random.split(jax.random.fold_in(state["key"], state["epoch"]))
        examples = len(images)
        order = jax.random.permutation(order_key, examples)
        steps = examples // settings.batch_size
        in_full_batches = steps * settings.batch_size

        def step(learned: Learned, inputs) -> tuple[Learned, StepMetrics]:
            number, chosen = inputs
            batch = images[chosen]
            if settings.random_crop or settings.random_flip:
                batch = augment(
                    jax.random.fold_in(augment_key, number),
                    batch,
                    random_crop=settings.random_crop,
                    random_flip=settings.random_flip,
                )
            batch = normalize(batch, jnp.array(settings.mean), jnp.array(settings.std))
            batch, batch_labels = divide_batch(mesh, (batch, labels[chosen]))
            return train_step(apply, optimizer, learned, batch, batch_labels, hyperparameters)

        learned = Learned(state["parameters"], state["model_state"], state["optimizer_state"])
        batches = order[:in_full_batches].reshape(steps, settings.batch_size)
        learned, metrics = jax.lax.scan(step, learned, (jnp.arange(steps), batches))
        loss = settings.batch_size * metrics.loss.sum()
        correct = metrics.correct.sum(dtype=jnp.int32)
        if in_full_batches < examples:
            learned, last = step(learned, (steps, order[in_full_batches:]))
            loss = loss + (examples - in_full_batches) * last.loss
            correct = correct + last.correct
        new_state = TrainState(
            parameters=learned.parameters,
            model_state=learned.model_state,
            optimizer_state=learned.optimizer_state,
            key=state["key"],
            epoch=state["epoch"] + 1,
        )
        return new_state, EpochMetrics(loss / examples, correct)

    return run_epoch
