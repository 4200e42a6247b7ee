"""Mean training loss, its gradient and Hessian products, and accuracy, batch by batch.

Everything is in evaluation mode: batch norm uses its running statistics, so that the loss is a mean
over examples that do not depend on each other, and its Hessian the mean of theirs.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from rcjax.measures.network import Apply, Arrays, Batches


class Objective:
    """Functions of all parameters as one vector `[size]`. Made inside of compiled functions.

    Attributes:
        flat: the parameters of the network, `[size]`.
    """

    def __init__(self, apply: Apply, parameters: Arrays, state: Arrays, batches: Batches):
        self.flat, self._restore = ravel_pytree(parameters)
        self._apply, self._state, self._batches = apply, state, batches
        self._examples = jnp.sum(batches.counts).astype(self.flat.dtype)

    def loss(self, flat: jax.Array) -> jax.Array:
        """Mean cross-entropy `[]`."""
        return self._mean(lambda batch: self._batch_loss(flat, batch))

    def gradient(self, flat: jax.Array) -> jax.Array:
        """Gradient of the mean cross-entropy `[size]`."""
        return self._mean(lambda batch: jax.grad(self._batch_loss)(flat, batch))

    def curvature(self, vector: jax.Array) -> jax.Array:
        """The Hessian of the mean cross-entropy at the network's parameters, times `vector`."""

        def of_batch(batch: Batches) -> jax.Array:
            def gradient(flat: jax.Array) -> jax.Array:
                return jax.grad(self._batch_loss)(flat, batch)

            return jax.jvp(gradient, (self.flat,), (vector,))[1]

        return self._mean(of_batch)

    def accuracy(self, flat: jax.Array) -> jax.Array:
        """Fraction of examples classified correctly `[]`."""

        def correct(batch: Batches) -> jax.Array:
            labels = jnp.argmax(self._logits(flat, batch), -1)
            return jnp.sum((labels == batch.labels) & batch.counts).astype(flat.dtype)

        return self._mean(correct)

    def _logits(self, flat: jax.Array, batch: Batches) -> jax.Array:
        return self._apply(self._restore(flat), self._state, batch.images, False)[0]

    def _batch_loss(self, flat: jax.Array, batch: Batches) -> jax.Array:
        logits = self._logits(flat, batch)
        correct = jnp.take_along_axis(logits, batch.labels[:, None], -1)[:, 0]
        losses = jax.nn.logsumexp(logits, -1) - correct
        return jnp.sum(jnp.where(batch.counts, losses, 0))

    def _mean(self, function: Callable[[Batches], jax.Array]) -> jax.Array:
        """The sum of function(batch) over all batches, divided by the number of examples."""
        first = function(jax.tree.map(lambda array: array[0], self._batches))
        rest = jax.tree.map(lambda array: array[1:], self._batches)
        if len(rest.labels):

            def add(total: jax.Array, batch: Any) -> tuple[jax.Array, None]:
                return total + function(Batches(*batch)), None

            first = jax.lax.scan(add, first, tuple(rest))[0]
        return first / self._examples
