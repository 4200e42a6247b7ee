"""The difference between the gradient of a batch and the gradient of the training loss."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from rcjax.array_types import Array, Float
from rcjax.measures.inputs import Apply, Arrays, Batches


@functools.partial(jax.jit, static_argnames="apply")
def _gradient_variance(
    apply: Apply, parameters: Arrays, state: Arrays, batches: Batches
) -> Float[Array, ""]:
    """Mean of |g_i - g|^2 over the examples: g_i the gradient of one loss, g their mean."""
    flat, restore = ravel_pytree(parameters)
    # One example after the other: the gradients of a batch, all held at once, are too large.
    examples = jax.tree.map(lambda array: array.reshape(-1, 1, *array.shape[2:]), batches)

    def gradient(example: Batches) -> jax.Array:
        def loss(flat: jax.Array) -> jax.Array:
            logits = apply(restore(flat), state, example.images, False)[0][0]
            return jax.nn.logsumexp(logits) - logits[example.labels[0]]

        return jnp.where(example.counts[0], jax.grad(loss)(flat), 0)

    def mean(function: Callable[[Batches], jax.Array]) -> jax.Array:
        def add(total: jax.Array, example: Batches) -> tuple[jax.Array, None]:
            return total + function(example), None

        kind = jax.eval_shape(function, jax.tree.map(lambda array: array[0], examples))
        total = jax.lax.scan(add, jnp.zeros(kind.shape, kind.dtype), examples)[0]
        return total / jnp.sum(batches.counts).astype(total.dtype)

    with jax.default_matmul_precision("highest"):
        centre = mean(gradient)

        def distance(example: Batches) -> jax.Array:
            # Two passes: the difference of two nearly equal squares would be rounding.
            return jnp.where(example.counts[0], jnp.sum(jnp.square(gradient(example) - centre)), 0)

        return mean(distance)


def gradient_noise(
    apply: Apply,
    parameters: Arrays,
    state: Arrays,
    batches: Batches,
    *,
    batch_size: int,
    total: int,
) -> float:
    """(1 / B) times the mean of |g_b - g|^2 over the batches of an epoch, expected over shuffles.

    g_b is the gradient of the mean cross-entropy of a batch of B examples, g that of all, in
    evaluation mode. For B of N examples, drawn without replacement, the expectation of |g_b - g|^2
    is (1 / B) (N - B) / (N - 1) times the mean of |g_i - g|^2 over single examples, which is
    computed, so that no batch is drawn.

    Jiang et al. (ICLR 2020) have the variance of gradients after training among their measures; the
    definition with the further 1 / B is that of the published code of Li et al. (ICML 2025).

    Args:
        batches: examples from which the mean over single examples is taken.
        batch_size: B, of the training; all examples where there are fewer.
        total: N, the number of all training examples.
    """
    size = min(batch_size, total)
    if size == total:
        return 0.0
    variance = float(_gradient_variance(apply, parameters, state, batches))
    return variance * (total - size) / (total - 1) / size**2
