"""Sharpness of the training loss: eigenvalue and trace of its Hessian, and worst loss in a ball."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from rcjax.array_types import Array, Float
from rcjax.measures.inputs import Apply, Arrays, Batches
from rcjax.measures.lanczos import largest_eigenvalue_by_calls
from rcjax.measures.objective import Derivatives, derivatives


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

    def trace(self, key: jax.Array, probes: int) -> float:
        """The trace of the Hessian, estimated without bias.

        The mean of v' H v over vectors v of random signs (Hutchinson, "A stochastic estimator of
        the trace of the influence matrix", 1990). Its variance is 2 / probes times the sum of the
        squares of all entries of H off the diagonal.
        """
        estimates = []
        for probe_key in jax.random.split(key, probes):
            signs = jax.random.rademacher(probe_key, self._flat.shape, self._flat.dtype)
            estimates.append(jnp.vdot(signs, self._curvature(signs), precision="highest"))
        return float(np.mean(jax.device_get(estimates)))

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
