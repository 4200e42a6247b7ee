"""Sharpness of the training loss: eigenvalue and trace of its Hessian, and worst loss in a ball."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from rcjax.array_types import Array, Float
from rcjax.measures.inputs import Apply, Arrays, Batches
from rcjax.measures.lanczos import largest_eigenvalue_by_calls
from rcjax.measures.objective import Derivatives, derivatives

_PROBES = 10  # between looks at the error


class Trace(NamedTuple):
    """An estimate and its standard error, NaN where it is unknown."""

    value: float
    error: float

    def precise(self, precision: float) -> bool:
        """Whether the error is small enough, relative to the value."""
        return self.error <= precision * abs(self.value)


class Landscape:
    """The mean training loss around the parameters of a network, in evaluation mode.

    Products of the Hessian with a vector are a derivative of the gradient; the Hessian itself is
    never formed. Vectors stay on the device.
    """

    def __init__(self, apply: Apply, parameters: Arrays, state: Arrays, batches: Batches):
        self._arguments = (apply, parameters, state, batches)
        self._flat = ravel_pytree(parameters)[0]
        self._zero = jnp.zeros_like(self._flat)

    def _at(self, offset: Float[Array, " size"]) -> Derivatives:
        found: Derivatives = derivatives(*self._arguments, offset, self._zero)
        return found

    def _curvature(self, direction: Float[Array, " size"]) -> Float[Array, " size"]:
        found: Derivatives = derivatives(*self._arguments, self._zero, direction)
        return found.curvature

    def largest_eigenvalue(self, key: jax.Array, iterations: int) -> float:
        """The largest (not the largest in size) eigenvalue of the Hessian, by Lanczos."""
        start = jax.random.normal(key, self._flat.shape, self._flat.dtype)
        return float(largest_eigenvalue_by_calls(self._curvature, start, iterations)[0])

    def trace(self, key: jax.Array, directions: int, probes: int, precision: float) -> "Trace":
        """The trace of the Hessian H, estimated without bias, with its standard error.

        Some products of H with random signs span most of what H does; on that space the trace is
        exact. Outside it the trace is the mean of v' H v over random signs v, from which the space
        is taken out, whose variance is twice the sum of the squares of what is left of H off its
        diagonal (Hutch++: Meyer, Musco, Musco and Woodruff, 2021; the mean alone is Hutchinson's).

        Args:
            key: of the signs.
            directions: of the space.
            probes: at most; in tens, until the standard error is small enough.
            precision: the standard error, relative to the trace, that is small enough.
        """
        space_key, probe_key = jax.random.split(key)
        space = self._space(space_key, directions)
        inside = float(sum(_product(row, self._curvature(row)) for row in space))
        found: list[jax.Array] = []
        for one in jax.random.split(probe_key, probes):
            outside = _outside(self._signs(one), space)
            found.append(_product(outside, self._curvature(outside)))
            if len(found) % _PROBES == 0 and _trace(inside, found).precise(precision):
                break
        return _trace(inside, found)

    def _signs(self, key: jax.Array) -> jax.Array:
        return jax.random.rademacher(key, self._flat.shape, self._flat.dtype)

    def _space(self, key: jax.Array, directions: int) -> jax.Array:
        """Orthonormal rows; zero where the Hessian has no further direction."""
        space = jnp.zeros((directions, self._flat.size), self._flat.dtype)
        for place, one in enumerate(jax.random.split(key, directions)):
            image = self._curvature(self._signs(one))
            new = _outside(image, space)
            length, before = jnp.linalg.norm(new), jnp.linalg.norm(image)
            # What rounding leaves of a vector inside the space is no direction.
            row = jnp.where(length > 1e-4 * before, new / length, 0)
            space = space.at[place].set(row)
        return space

    def worst_increase(self, radius: float, steps: int) -> float:
        """The largest L(w + e) - L(w) found over perturbations e of norm at most `radius`.

        First-order ascent: e <- radius * g / |g| with g the gradient at w + e, from e = 0. The
        first step is that of SAM (Foret et al., ICLR 2021, equation 2); each further one goes to
        the point of the ball that is best for the loss linearised where the last one ended, which
        for a convex loss never decreases it. The largest difference seen is returned: a lower bound
        of the maximum, and never less than 0.
        """
        here = self._at(self._zero)
        losses, gradient = [here.loss], here.gradient
        for _ in range(steps):
            norm = jnp.linalg.norm(gradient)
            # Where the gradient vanishes, the loss is as large as first order can see.
            offset = jnp.where(norm > 0, radius / norm, 0) * gradient
            there = self._at(offset.astype(self._flat.dtype))
            losses.append(there.loss)
            gradient = there.gradient
        seen = np.asarray(jax.device_get(losses), np.float64)
        return float(np.max(seen - seen[0]))  # NaN if any of them is


def _trace(inside: float, probes: list[jax.Array]) -> Trace:
    outside = np.asarray(jax.device_get(probes), np.float64)
    few = len(outside) < 2
    error = math.nan if few else float(np.std(outside, ddof=1) / math.sqrt(len(outside)))
    return Trace(inside + float(np.mean(outside)), error)


def _outside(vector: jax.Array, space: jax.Array) -> jax.Array:
    """A vector without its part in the span of orthonormal rows, taken out twice for rounding."""
    for _ in range(2):
        parts = jnp.matmul(space, vector, precision="highest")
        vector = vector - jnp.matmul(parts, space, precision="highest")
    return vector


def _product(one: jax.Array, other: jax.Array) -> jax.Array:
    return jnp.vdot(one, other, precision="highest")
