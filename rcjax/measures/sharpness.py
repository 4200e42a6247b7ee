"""Sharpness of the training loss: eigenvalue and trace of its Hessian, and worst loss in a ball."""

import functools

import jax
import jax.numpy as jnp

from rcjax.measures.lanczos import largest_eigenvalue
from rcjax.measures.network import Apply, Arrays, Batches
from rcjax.measures.objective import Objective


@functools.partial(jax.jit, static_argnames=("apply", "iterations"))
def hessian_eigenvalue(
    apply: Apply,
    parameters: Arrays,
    state: Arrays,
    batches: Batches,
    key: jax.Array,
    iterations: int,
) -> jax.Array:
    """The largest eigenvalue of the Hessian of the mean training loss, `[]`, by Lanczos."""
    with jax.default_matmul_precision("highest"):
        objective = Objective(apply, parameters, state, batches)
        flat = objective.flat
        return largest_eigenvalue(objective.curvature, flat.size, key, iterations, flat.dtype)[0]


@functools.partial(jax.jit, static_argnames=("apply", "probes"))
def hessian_trace(
    apply: Apply,
    parameters: Arrays,
    state: Arrays,
    batches: Batches,
    key: jax.Array,
    probes: int,
) -> jax.Array:
    """Trace of the Hessian of the mean training loss, `[]`, estimated without bias.

    The mean of v' H v over vectors v of random signs (Hutchinson, "A stochastic estimator of the
    trace of the influence matrix", 1990). The estimate's variance is 2 / probes times the sum of
    the squares of all entries of H off its diagonal.
    """

    def add(total: jax.Array, probe_key: jax.Array) -> tuple[jax.Array, None]:
        signs = jax.random.rademacher(probe_key, objective.flat.shape, objective.flat.dtype)
        return total + signs @ objective.curvature(signs), None

    with jax.default_matmul_precision("highest"):
        objective = Objective(apply, parameters, state, batches)
        zero = jnp.zeros((), objective.flat.dtype)
        return jax.lax.scan(add, zero, jax.random.split(key, probes))[0] / probes


@functools.partial(jax.jit, static_argnames=("apply", "steps"))
def worst_loss_increase(
    apply: Apply,
    parameters: Arrays,
    state: Arrays,
    batches: Batches,
    radius: jax.Array,
    steps: int,
) -> jax.Array:
    """The largest L(w + e) - L(w) found over perturbations of norm at most `radius`, `[]`.

    First-order ascent: e <- radius * g / |g| with g the gradient at w + e, from e = 0. The first
    step is that of SAM (Foret et al., ICLR 2021, equation 2); each further one goes to the point of
    the ball that is best for the loss linearised where the last one ended, which for a convex loss
    never decreases it. The largest difference seen is returned: a lower bound of the maximum.
    """

    def ascend(carry, _):
        perturbation, best = carry
        gradient = objective.gradient(flat + perturbation)
        norm = jnp.linalg.norm(gradient)
        # Where the gradient vanishes the loss is as large as first order can see.
        perturbation = jnp.where(norm > 0, radius * gradient / norm, perturbation)
        difference = objective.loss(flat + perturbation) - start
        return (perturbation, jnp.maximum(best, difference)), None

    with jax.default_matmul_precision("highest"):
        objective = Objective(apply, parameters, state, batches)
        flat = objective.flat
        start = objective.loss(flat)
        # NaN, not 0, where the loss itself is not finite.
        first = (jnp.zeros_like(flat), start - start)
        return jax.lax.scan(ascend, first, None, length=steps)[0][1]
