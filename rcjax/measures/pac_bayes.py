"""PAC-Bayes flatness: how much noise the parameters bear, and the bounds that follow.

Jiang et al., "Fantastic Generalization Measures and Where to Find Them" (ICLR 2020), appendix C.6.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from rcjax.measures.network import Apply, Arrays, Batches
from rcjax.measures.objective import Objective

ACCURACY_DROP = 0.1  # in expectation, of the training accuracy
MAGNITUDE_FLOOR = 1e-3  # standard deviation of the noise on a parameter that is 0
# The search goes up from the smallest sigma in steps of _STRIDE until the drop is exceeded, then
# halves the last step. In exponents of 2.
_SMALLEST, _LARGEST, _STRIDE, _HALVINGS = -16, 6, 2, 8


class Flatness(NamedTuple):
    """What a search for sigma found.

    sigma: NaN where no sigma between 2**-16 and 2**6 is the limit.
    kl_origin, kl_initialization: Kullback-Leibler divergence of the noisy parameters from a
        Gaussian prior around 0, and around the parameters before training.
    """

    sigma: float
    kl_origin: float
    kl_initialization: float

    def flatness(self) -> float:
        """1 / sigma squared; small for flat minima."""
        return 1 / self.sigma**2

    def bound(self, divergence: float, examples: int) -> float:
        """sqrt((divergence / 2 + log(m / sigma) + 10) / (m - 1)) for m training examples.

        The bound on the gap without constant factors, as Jiang et al. have it.
        """
        if examples < 2:
            return math.nan
        total = divergence / 2 + math.log(examples / self.sigma) + 10
        return math.sqrt(total / (examples - 1)) if total >= 0 else math.nan


@functools.partial(jax.jit, static_argnames=("apply", "samples", "magnitude"))
def _search(
    apply: Apply,
    parameters: Arrays,
    initial: Arrays,
    state: Arrays,
    batches: Batches,
    key: jax.Array,
    samples: int,
    magnitude: bool,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    objective = Objective(apply, parameters, state, batches)
    flat = objective.flat
    start = objective.accuracy(flat)
    keys = jax.random.split(key, samples)

    def deviation(sigma: jax.Array) -> jax.Array:
        if not magnitude:
            return jnp.full_like(flat, 1) * sigma
        return jnp.sqrt(jnp.square(sigma * flat) + MAGNITUDE_FLOOR**2)

    def exceeds(exponent: jax.Array) -> jax.Array:
        scale = deviation(jnp.exp2(exponent))

        def accuracy(sample_key: jax.Array) -> jax.Array:
            noise = jax.random.normal(sample_key, flat.shape, flat.dtype)
            return objective.accuracy(flat + scale * noise)

        # The same noise for every sigma: then the drop is as smooth in sigma as it can be.
        return start - jnp.mean(jax.lax.map(accuracy, keys)) > ACCURACY_DROP

    def climb(carry: tuple) -> tuple:
        exponent, _ = carry
        return exponent + _STRIDE, exceeds(exponent + _STRIDE)

    def halve(_: int, ends: tuple) -> tuple:
        low, high = ends
        middle = (low + high) / 2
        too_much = exceeds(middle)
        return jnp.where(too_much, low, middle), jnp.where(too_much, middle, high)

    smallest = jnp.asarray(_SMALLEST, flat.dtype)
    high, exceeded = jax.lax.while_loop(
        lambda carry: ~carry[1] & (carry[0] < _LARGEST), climb, (smallest, exceeds(smallest))
    )
    low, _ = jax.lax.fori_loop(0, _HALVINGS, halve, (high - _STRIDE, high))
    found = exceeded & (high > _SMALLEST)
    sigma = jnp.where(found, jnp.exp2(low), jnp.nan)
    variances = jnp.square(deviation(sigma))
    distance = flat - ravel_pytree(initial)[0]
    return (
        sigma,
        _divergence(flat, variances, magnitude),
        _divergence(distance, variances, magnitude),
    )


def _divergence(offset: jax.Array, variances: jax.Array, magnitude: bool) -> jax.Array:
    """KL(N(offset, diag(variances)) || N(0, t I)).

    For noise of one size the prior has that size too: t = sigma^2, and the divergence is
    |offset|^2 / (2 sigma^2). Otherwise t is the one that makes the divergence smallest, the mean of
    offset^2 + variances, which leaves half the sum of log(t / variances).
    """
    if not magnitude:
        return jnp.sum(jnp.square(offset)) / (2 * variances[0])
    prior = jnp.mean(jnp.square(offset) + variances)
    return jnp.sum(jnp.log(prior / variances)) / 2


def flatness(
    apply: Apply,
    parameters: Arrays,
    initial: Arrays,
    state: Arrays,
    batches: Batches,
    key: jax.Array,
    *,
    samples: int,
    magnitude: bool,
) -> Flatness:
    """Searches the largest sigma at which noise costs at most a tenth of accuracy in expectation.

    The noise on parameter w_i is normal with standard deviation sigma, or, aware of magnitudes,
    sqrt(sigma^2 w_i^2 + 0.001^2). Accuracy is the fraction of examples classified correctly, in
    evaluation mode with batch norm's running statistics left as they are; its expectation is the
    mean over `samples` draws of the noise. The drop is tried at sigma = 2**-16, 2**-14, ... until
    it exceeds 0.1, and the last factor of 4 is then halved to 0.6 %.

    For the bound from the initialization with noise aware of magnitudes, Jiang et al. print
    |w_i - w0_i| in the place of the noise's |w_i|; here the divergence is that of the noise used.
    """
    found = _search(
        apply, parameters, initial, state, batches, key, samples=samples, magnitude=magnitude
    )
    return Flatness(*(float(np.asarray(value)) for value in found))
