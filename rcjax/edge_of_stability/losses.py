"""The losses, each a mean over examples; the normalisation decides what a learning rate means."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Loss = Callable[[jax.Array, jax.Array], jax.Array]


def squared(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """1 / (2 n) times the sum of squares; the bound on the slope's variation is for this one."""
    return 0.5 * jnp.mean((outputs - labels) ** 2)


def logistic(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean of log(1 + exp(-label * output)), labels -1 and 1."""
    return jnp.mean(jax.nn.softplus(-labels * outputs))


def exponential(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean of exp(-label * output), labels -1 and 1."""
    return jnp.mean(jnp.exp(-labels * outputs))


def softmax(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean cross-entropy of outputs [n, classes] and integer labels [n]."""
    log_probabilities = jax.nn.log_softmax(outputs)
    return -jnp.mean(jnp.take_along_axis(log_probabilities, labels[:, None], axis=1))


# For labels -1 and 1.
TWO_CLASS_LOSSES: dict[str, Loss] = {
    "squared": squared,
    "logistic": logistic,
    "exponential": exponential,
}
LOSSES: dict[str, Loss] = {**TWO_CLASS_LOSSES, "softmax": softmax}


def accuracy(outputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Share of points on the right side, in 0 .. 1; an output of 0 counts as class -1."""
    if outputs.ndim == 1:
        return jnp.mean((outputs > 0) == (labels > 0))
    return jnp.mean(jnp.argmax(outputs, axis=1) == labels)
