"""One step of training: a batch in, a better state out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from rcjax.data.augmentation import MixedLabels
from rcjax.training.inputs import Labels
from rcjax.training.optimizer import Hyperparameters, Optimizer

# apply(parameters, model_state, images [n, h, w, c], train) -> (logits [n, classes], model_state)
Apply = Callable[[Any, Any, jax.Array, bool], tuple[jax.Array, Any]]


class Learned(NamedTuple):
    """The part of the training state that a step changes."""

    parameters: Any
    model_state: Any
    optimizer_state: Any


class StepMetrics(NamedTuple):
    """The report of a step: the mean loss of its batch, and the number classified correctly."""

    loss: jax.Array  # float scalar
    correct: jax.Array  # int32 scalar, or float where images are mixed


def train_step(
    apply: Apply,
    optimizer: Optimizer,
    learned: Learned,
    images: jax.Array,
    labels: Labels,
    hyperparameters: Hyperparameters,
) -> tuple[Learned, StepMetrics]:
    """One forward pass, one backward pass, one step of the optimizer.

    SAM takes two of both. Its second pass begins with the batch statistics and random words that
    the first began with, and what it makes of them is dropped: running statistics are those of the
    network itself, not of the one next to it.

    Args:
        apply: the network as a pure function.
        optimizer: makes a step of the gradient.
        learned: parameters, batch statistics and momentum before the step.
        images: normalised images `[n, height, width, channels]`.
        labels: int32 `[n]`, or two for each image where images are mixed.
        hyperparameters: float scalars by name, the optimizer's; may be traced.

    Returns:
        The same after the step, and the batch's mean cross-entropy and number correct, both in
        training mode and from before the step.
    """

    # Of both passes the same function of the parameters, dropout included.
    def mean_loss(parameters: Any) -> tuple[jax.Array, tuple[Any, jax.Array]]:
        logits, model_state = apply(parameters, learned.model_state, images, True)
        loss, correct = batch_metrics(logits, labels)
        return loss, (model_state, correct)

    gradient_of_loss = jax.value_and_grad(mean_loss, has_aux=True)
    (loss, (model_state, correct)), gradients = gradient_of_loss(learned.parameters)
    ascended = optimizer.ascended(gradients, learned.parameters, hyperparameters)
    if ascended is not None:
        _, gradients = gradient_of_loss(ascended)
    parameters, optimizer_state = optimizer.update(
        gradients, learned.optimizer_state, learned.parameters, hyperparameters
    )
    return Learned(parameters, model_state, optimizer_state), StepMetrics(loss, correct)


def batch_metrics(logits: jax.Array, labels: Labels) -> tuple[jax.Array, jax.Array]:
    """Mean cross-entropy of a batch, and how many it classified correctly.

    Where images are mixed, both are means of those of the two labels, weighted by their shares.
    """
    if isinstance(labels, MixedLabels):
        loss, correct = batch_metrics(logits, labels.first)
        other_loss, other_correct = batch_metrics(logits, labels.second)
        share, rest = labels.share, 1 - labels.share
        return share * loss + rest * other_loss, share * correct + rest * other_correct
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return losses.mean(), count_correct(logits, labels)


def count_correct(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Counts the rows of `logits [n, classes]` with their maximum at the label: int32 scalar."""
    return jnp.sum(jnp.argmax(logits, axis=-1) == labels, dtype=jnp.int32)
