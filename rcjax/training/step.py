"""One step of training: a batch in, a better state out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from rcjax.training.optimizer import Hyperparameters, Optimizer

# apply(parameters, model_state, images [n, h, w, c], train) -> (logits [n, classes], model_state)
Apply = Callable[[Any, Any, jax.Array, bool], tuple[jax.Array, Any]]


class Learned(NamedTuple):
    """The part of the training state that a step changes."""

    parameters: Any
    model_state: Any
    optimizer_state: Any


class StepMetrics(NamedTuple):
    """What a step reports: the mean loss of its batch, and how many it classified correctly."""

    loss: jax.Array  # float scalar
    correct: jax.Array  # int32 scalar


def train_step(
    apply: Apply,
    optimizer: Optimizer,
    learned: Learned,
    images: jax.Array,
    labels: jax.Array,
    hyperparameters: Hyperparameters,
) -> tuple[Learned, StepMetrics]:
    """One forward pass, one backward pass, one step of the optimizer.

    Args:
        apply: the network as a pure function.
        optimizer: makes a step of the gradient.
        learned: parameters, batch statistics and momentum before the step.
        images: normalised images `[n, height, width, channels]`.
        labels: int32 `[n]`.
        hyperparameters: float scalars by name, the optimizer's; may be traced.

    Returns:
        The same after the step, and the batch's mean cross-entropy and number correct, both in
        training mode and from before the step.
    """

    def mean_loss(parameters: Any) -> tuple[jax.Array, tuple[Any, jax.Array]]:
        logits, model_state = apply(parameters, learned.model_state, images, True)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), (model_state, count_correct(logits, labels))

    gradient_of_loss = jax.value_and_grad(mean_loss, has_aux=True)
    (loss, (model_state, correct)), gradients = gradient_of_loss(learned.parameters)
    parameters, optimizer_state = optimizer.update(
        gradients, learned.optimizer_state, learned.parameters, hyperparameters
    )
    return Learned(parameters, model_state, optimizer_state), StepMetrics(loss, correct)


def count_correct(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """How many rows of `logits [n, classes]` have their maximum at the label: int32 scalar."""
    return jnp.sum(jnp.argmax(logits, axis=-1) == labels, dtype=jnp.int32)
