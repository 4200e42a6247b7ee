"""Mean training loss with its first two derivatives, and accuracy, batch by batch.

Everything is in evaluation mode: batch norm uses its running statistics, so that the loss is a mean
over examples that do not depend on each other, and its Hessian the mean of theirs. Networks are
given as parameters plus a flat vector, so that all that varies is an argument: each of the two
functions is compiled once for all networks of the same shape, and for all measures.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from rcjax.array_types import Array, Float
from rcjax.measures.inputs import Apply, Arrays, Batches

Found = TypeVar("Found")


class Derivatives(NamedTuple):
    """loss: mean cross-entropy `[]`. gradient: of it, `[size]`. curvature: Hessian times a vector,
    `[size]`."""

    loss: Float[Array, ""]
    gradient: Float[Array, " size"]
    curvature: Float[Array, " size"]


@functools.partial(jax.jit, static_argnames="apply")
def derivatives(
    apply: Apply,
    parameters: Arrays,
    state: Arrays,
    batches: Batches,
    offset: Float[Array, " size"],
    direction: Float[Array, " size"],
) -> Derivatives:
    """Loss, gradient and curvature of the mean training loss at parameters + offset.

    Args:
        offset, direction: `[size]`, in the order of `jax.flatten_util.ravel_pytree(parameters)`;
            the Hessian is multiplied by `direction`.
    """
    flat, restore = ravel_pytree(parameters)

    def of_batch(batch: Batches) -> Derivatives:
        def loss(flat: jax.Array) -> jax.Array:
            logits = apply(restore(flat), state, batch.images, False)[0]
            correct = jnp.take_along_axis(logits, batch.labels[:, None], -1)[:, 0]
            losses = jax.nn.logsumexp(logits, -1) - correct
            return jnp.sum(jnp.where(batch.counts, losses, 0))

        (value, gradient), (_, curvature) = jax.jvp(
            jax.value_and_grad(loss), (flat + offset,), (direction,)
        )
        return Derivatives(value, gradient, curvature)

    with jax.default_matmul_precision("highest"):
        return _mean(of_batch, batches)


@jax.jit
def _perturbed(
    parameters: Arrays, key: jax.Array, absolute: jax.Array, relative: jax.Array
) -> Arrays:
    flat, restore = ravel_pytree(parameters)
    noise = jax.random.normal(key, flat.shape, flat.dtype)
    deviation = jnp.sqrt(jnp.square(absolute) + jnp.square(relative * flat))
    return restore(flat + deviation.astype(flat.dtype) * noise)


@functools.partial(jax.jit, static_argnames="apply")
def _accuracy(apply: Apply, parameters: Arrays, state: Arrays, batches: Batches) -> jax.Array:
    def correct(batch: Batches) -> jax.Array:
        labels = jnp.argmax(apply(parameters, state, batch.images, False)[0], -1)
        return jnp.sum((labels == batch.labels) & batch.counts).astype(jnp.float32)

    with jax.default_matmul_precision("highest"):
        return _mean(correct, batches)


def noisy_accuracy(
    apply: Apply,
    parameters: Arrays,
    state: Arrays,
    batches: Batches,
    key: jax.Array,
    absolute: float,
    relative: float,
) -> Float[Array, ""]:
    """Fraction of examples classified correctly with normal noise on all parameters.

    The noise on parameter w has the standard deviation sqrt(absolute^2 + relative^2 w^2).
    """
    noisy = _perturbed(parameters, key, jnp.float32(absolute), jnp.float32(relative))
    accuracy: jax.Array = _accuracy(apply, noisy, state, batches)
    return accuracy


def _mean(function: Callable[[Batches], Found], batches: Batches) -> Found:
    """The sum of function(batch) over all batches, divided by the number of examples."""
    if len(batches.labels) == 1:
        total = function(jax.tree.map(lambda array: array[0], batches))
    else:
        kinds = jax.eval_shape(function, jax.tree.map(lambda array: array[0], batches))
        zeros = jax.tree.map(lambda kind: jnp.zeros(kind.shape, kind.dtype), kinds)

        def add(total: Found, batch: Batches) -> tuple[Found, None]:
            return jax.tree.map(jnp.add, total, function(batch)), None

        total = jax.lax.scan(add, zeros, batches)[0]
    examples = jnp.sum(batches.counts)
    mean: Found = jax.tree.map(lambda value: value / examples.astype(value.dtype), total)
    return mean
