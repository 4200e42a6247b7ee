"""Margins of the outputs and their gradients with respect to the images."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.array_types import Array, Float
from rcjax.measures.inputs import Apply, Arrays, Batches

PERCENTILE = 10  # of the margins over training examples (Jiang et al., ICLR 2020)


class Margins(NamedTuple):
    """The margin of every example, in float64.

    margins: logit of the label minus the largest other logit; negative where misclassified.
    gradient_norms: Euclidean norm of the margin's gradient with respect to the normalised image;
        NaN where the margin is not finite.
    """

    margins: Float[np.ndarray, " examples"]
    gradient_norms: Float[np.ndarray, " examples"]

    def percentile(self) -> float:
        """The 10th percentile of the margins."""
        return float(np.percentile(self.margins, PERCENTILE))

    def input_percentile(self) -> float:
        """The 10th percentile of margin / gradient norm.

        The distance of an image to the border of its class, to first order (Elsayed et al., "Large
        Margin Deep Networks for Classification", NeurIPS 2018, equation 5, q = 2). An image whose
        margin does not depend on it, gradient 0, is infinitely far.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.percentile(self.margins / self.gradient_norms, PERCENTILE))


def margins(apply: Apply, parameters: Arrays, state: Arrays, batches: Batches) -> Margins:
    """Margins of all examples, in evaluation mode."""
    counts = np.asarray(batches.counts)
    found = _margins(apply, parameters, state, batches)
    values, norms = (np.asarray(array, np.float64)[counts] for array in found)
    return Margins(values, np.where(np.isfinite(values), norms, np.nan))


@functools.partial(jax.jit, static_argnames="apply")
def _margins(
    apply: Apply, parameters: Arrays, state: Arrays, batches: Batches
) -> tuple[Float[Array, "batches size"], Float[Array, "batches size"]]:
    """Margins and gradient norms."""

    def of_batch(batch: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        images, labels = batch

        def total(images: jax.Array) -> tuple[jax.Array, jax.Array]:
            logits = apply(parameters, state, images, False)[0]
            own = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
            correct = jnp.sum(jnp.where(own, logits, 0), -1)
            values = correct - jnp.max(jnp.where(own, -jnp.inf, logits), -1)
            return values.sum(), values

        # In evaluation mode examples do not meet, so the gradient of the sum is that of each.
        gradients, values = jax.grad(total, has_aux=True)(images)
        return values, jnp.sqrt(jnp.sum(jnp.square(gradients), (1, 2, 3)))

    with jax.default_matmul_precision("highest"):
        found: tuple[jax.Array, jax.Array] = jax.lax.map(of_batch, (batches.images, batches.labels))
    return found
