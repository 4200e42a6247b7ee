"""PAC-Bayes flatness: how much noise the parameters bear, and the bounds that follow.

Jiang et al., "Fantastic Generalization Measures and Where to Find Them" (ICLR 2020), appendix C.
"""

import math
from collections.abc import Callable
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
_NEAR = 0.5  # octaves around sigma in which the drop is taken for a parabola
# The spread of fewer draws than this is too uncertain to stop at.
_BLOCK, _FEWEST, _BLOCKS = 10, 30, 100


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


class _Curve(NamedTuple):
    """The expected drop near sigma as a function of the exponent of 2, and where it passes 0.1.

    root: exponent relative to sigma. slope, bend: first and second derivative at the root.
    slope_error: standard error of the slope.
    """

    root: float
    slope: float
    bend: float
    slope_error: float


def _curve(drops: Float[np.ndarray, "3 draws"]) -> _Curve | None:
    """A parabola through drops at sigma and half an octave below and above, the same draws at each.

    Returns:
        None where the mean drop does not rise through 0.1 there.
    """
    low, middle, high = drops.mean(axis=1)
    rise, bend = (high - low) / (2 * _NEAR), (high - 2 * middle + low) / _NEAR**2
    roots = np.roots([bend / 2, rise, middle - ACCURACY_DROP])
    slopes = rise + bend * roots.real
    fit = [r for r, s in zip(roots, slopes, strict=True) if np.isreal(r) and s > 0]
    if not fit or not abs(fit[0]) <= _NEAR:
        return None
    root = float(fit[0].real)
    bends = (drops[2] - 2 * drops[1] + drops[0]) / _NEAR**2
    own = (drops[2] - drops[0]) / (2 * _NEAR) + bends * root
    return _Curve(root, float(own.mean()), float(bend), _standard_error(own))


def _refined(
    sigma: float,
    drops: Callable[[float, jax.Array], np.ndarray],
    key: jax.Array,
    samples: int,
    precision: float,
) -> tuple[float, float]:
    """Corrects a sigma by further draws of the noise.

    A few draws at three sigmas tell where the mean drop passes 0.1 and how steeply. As many draws
    there as the precision needs, independent of these, then tell by how much they were wrong.

    Args:
        sigma: of the search.
        drops: (sigma, keys) -> the drop of each draw.
        key: of the draws.
        samples: draws for the steepness.
        precision: draws are taken until the error is as small.

    Returns:
        sigma and the relative standard error of 1 / sigma squared; NaN where the drop does not rise
        through 0.1 near sigma.
    """
    curve_key, *keys = jax.random.split(key, 1 + _BLOCKS)
    draws = jax.random.split(curve_key, samples)
    curve = _curve(np.stack([drops(sigma * 2.0**e, draws) for e in (-_NEAR, 0.0, _NEAR)]))
    if curve is None:
        return sigma, math.nan
    sigma *= 2.0**curve.root
    found: list[float] = []
    for block in keys:
        found += drops(sigma, jax.random.split(block, _BLOCK)).tolist()
        rest = ACCURACY_DROP - float(np.mean(found))
        step = rest / curve.slope
        step = min(max(rest / (curve.slope + curve.bend * step / 2), -_NEAR), _NEAR)
        spread = _standard_error(np.array(found))
        per_drop = 2 * math.log(2) / curve.slope
        error = per_drop * math.hypot(spread, step * curve.slope_error)
        if len(found) < _FEWEST or per_drop * spread > precision:
            continue
        if error <= precision:
            break
        # The rest is the slope's, which matters less the shorter the step.
        sigma, step, found = sigma * 2.0**step, 0.0, []
    return sigma * 2.0**step, error


def _standard_error(draws: Float[np.ndarray, " draws"]) -> float:
    return float(np.std(draws, ddof=1)) / math.sqrt(draws.size)


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
            is found is then corrected by twice as many others and up to 1,000 more.
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

    sigma, error = largest_sigma(lambda sigma: float(np.mean(drops(sigma, keys)))), math.nan
    if not math.isnan(sigma):
        sigma, error = _refined(
            sigma, drops, jax.random.fold_in(key, samples), 2 * samples, precision
        )
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
