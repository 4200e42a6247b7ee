"""PAC-Bayes flatness: how much noise the parameters bear, and the bounds that follow.

Jiang et al., "Fantastic Generalization Measures and Where to Find Them" (ICLR 2020), appendix C.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import jax
import numpy as np

from rcjax.array_types import Array, Float
from rcjax.measures.inputs import Arrays

ACCURACY_DROP = 0.1  # in expectation, of the training accuracy
MAGNITUDE_FLOOR = 1e-3  # standard deviation of the noise on a parameter that is 0
# The search goes from _START in steps of _STRIDE to where the drop passes the limit, then halves
# the last step. In exponents of 2.
_START, _STRIDE, _SMALLEST, _LARGEST, _HALVINGS = -6.0, 2.0, -20.0, 6.0, 6
_NEAR = 0.5  # octaves around sigma in which the drop is taken for a straight line
_BLOCKS = 20  # of further draws, at most


class Flatness(NamedTuple):
    """The result of a search for sigma.

    sigma: NaN where no sigma between 2**-20 and 2**6 is the limit.
    error: standard error of 1 / sigma squared, relative to it; NaN where it is unknown.
    divergence_origin, divergence_initialization: Kullback-Leibler divergence of the noisy
        parameters from a normal prior around 0, and around the parameters before training.
    """

    sigma: float
    error: float
    divergence_origin: float
    divergence_initialization: float

    def flatness(self) -> float:
        """1 / sigma squared; small for flat minima."""
        return 1 / self.sigma**2

    def bound_origin(self, examples: int) -> float:
        """The bound for the prior around 0, of a network with so many training examples."""
        return self._bound(self.divergence_origin, examples)

    def bound_initialization(self, examples: int) -> float:
        """The bound for the prior around the initialization."""
        return self._bound(self.divergence_initialization, examples)

    def _bound(self, divergence: float, examples: int) -> float:
        """sqrt((divergence / 2 + log(m / sigma) + 10) / (m - 1)), as Jiang et al. have it."""
        if examples < 2:
            return math.nan
        total = divergence / 2 + math.log(examples / self.sigma) + 10
        return math.nan if total < 0 else math.sqrt(total / (examples - 1))


def largest_sigma(drop: Callable[[float], float]) -> float:
    """The largest sigma at which the expected drop in accuracy is at most 0.1, to 2.2 %.

    The drop is taken to grow with sigma. It is tried at sigma = 2**-6 and, by factors of 4 up or
    down, until it passes 0.1; the last factor is then halved six times.

    Args:
        drop: sigma -> expected drop, a fraction.

    Returns:
        Sigma, or NaN if the drop passes 0.1 nowhere between 2**-20 and 2**6.

    Example:
        >>> round(largest_sigma(lambda sigma: 2 * sigma), 2)
        0.05
    """

    def bearable(exponent: float) -> bool:
        return drop(2.0**exponent) <= ACCURACY_DROP

    exponent = _START
    upward = bearable(exponent)
    while _SMALLEST < exponent < _LARGEST:
        exponent += _STRIDE if upward else -_STRIDE
        if bearable(exponent) != upward:
            break
    else:
        return math.nan
    low, high = sorted((exponent, exponent - _STRIDE if upward else exponent + _STRIDE))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if bearable(middle) else (low, middle)
    return math.exp2(low)


def _refined(
    sigma: float,
    tried: Mapping[float, float],
    draws: Iterable[np.ndarray],
    precision: float,
) -> tuple[float, float]:
    """Corrects a sigma by further draws of the noise.

    Args:
        sigma: of the search.
        tried: exponents of 2 and the drops that the search saw there.
        draws: drops at sigma of independent draws, block by block.
        precision: draws are taken until the error is as small.

    Returns:
        sigma moved to where a straight line through the drops nearby passes 0.1, and the relative
        standard error of 1 / sigma squared; NaN where no line rises.
    """
    exponent = math.log2(sigma)
    near = np.array([(e - exponent, d) for e, d in tried.items() if abs(e - exponent) <= _NEAR])
    slope = float(np.polyfit(near[:, 0], near[:, 1], deg=1)[0]) if len(near) > 2 else 0.0
    if not slope > 0:
        return sigma, math.nan
    found: list[float] = []
    error = math.inf
    for block in draws:
        found += block.tolist()
        if len(found) < 2:
            continue
        spread = float(np.std(found, ddof=1)) / math.sqrt(len(found))
        error = 2 * math.log(2) * spread / slope
        if error <= precision:
            break
    step = (ACCURACY_DROP - float(np.mean(found))) / slope
    return sigma * 2.0 ** min(max(step, -_NEAR), _NEAR), error


def flatness(
    noisy_accuracy: Callable[[jax.Array, float, float], Float[Array, ""]],
    parameters: Arrays,
    initial: Arrays,
    key: jax.Array,
    *,
    samples: int,
    precision: float,
    magnitude: bool,
) -> Flatness:
    """Searches sigma, and computes the divergences of the noise found.

    For the bound from the initialization with noise aware of magnitudes, Jiang et al. print
    |w_i - w0_i| in the place of the noise's |w_i|; here the divergence is that of the noise used.

    Args:
        noisy_accuracy: (key, absolute, relative) -> accuracy `[]`, a fraction, with normal noise of
            standard deviation sqrt(absolute^2 + relative^2 w^2) on each parameter w.
        parameters, initial: nested dicts of arrays, after and before training.
        key: of the noise, which is the same for every sigma: then the drop is as smooth as it can
            be, and the search repeatable.
        samples: of the noise, whose mean accuracy is the expectation in the search. The sigma that
            is found is then corrected by up to 20 times as many others.
        precision: relative standard error of 1 / sigma squared that is small enough.
        magnitude: noise of standard deviation sqrt(sigma^2 w^2 + 0.001^2) in the place of sigma.
    """
    keys = jax.random.split(key, samples)
    start = float(noisy_accuracy(keys[0], 0.0, 0.0))

    def noise(sigma: float) -> tuple[float, float]:
        return (MAGNITUDE_FLOOR, sigma) if magnitude else (sigma, 0.0)

    def drops(sigma: float, keys: jax.Array) -> np.ndarray:
        # All samples are started before the first result is fetched.
        found = [noisy_accuracy(sample_key, *noise(sigma)) for sample_key in keys]
        return start - np.asarray(jax.device_get(found), np.float64)

    tried: dict[float, float] = {}

    def drop(sigma: float) -> float:
        tried[math.log2(sigma)] = float(np.mean(drops(sigma, keys)))
        return tried[math.log2(sigma)]

    sigma, error = largest_sigma(drop), math.nan
    if not math.isnan(sigma):
        more = (drops(sigma, jax.random.split(k, samples)) for k in jax.random.split(key, _BLOCKS))
        sigma, error = _refined(sigma, tried, more, precision)
    weights, first = _flat(parameters), _flat(initial)
    absolute, relative = noise(sigma)
    variances = absolute**2 + np.square(relative * weights)
    prior = None if magnitude else sigma**2
    return Flatness(
        sigma,
        error,
        _divergence(weights, variances, prior),
        _divergence(weights - first, variances, prior),
    )


def _divergence(
    offset: Float[np.ndarray, " size"],
    variances: float | Float[np.ndarray, "*size"],
    prior: float | None,
) -> float:
    """KL(N(offset, diag(variances)) || N(0, prior I)), in float64.

    prior: None takes the variance that makes the divergence smallest, mean(offset^2 + variances).
    """
    if prior is None:
        prior = float(np.mean(np.square(offset) + variances))
    with np.errstate(invalid="ignore"):
        ratio = (variances + np.square(offset)) / prior
        return float(np.sum(ratio - 1 - np.log(variances / prior)) / 2)


def _flat(arrays: Arrays) -> Float[np.ndarray, " size"]:
    leaves = jax.tree.leaves(jax.device_get(arrays))
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in leaves])
