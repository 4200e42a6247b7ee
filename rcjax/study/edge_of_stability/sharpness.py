"""Largest eigenvalue of the Hessian of the training loss, by the Lanczos method."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

# Vectors shorter than this, relative to the Hessian's norm, are rounding of float32.
_ROUNDING = 3e-6


def sharpness(
    objective: Callable[[Any], jax.Array], parameters: Any, key: jax.Array, iterations: int
) -> tuple[jax.Array, jax.Array]:
    """The largest eigenvalue of the Hessian of `objective`, and how far from it this may be.

    Products of the Hessian with a vector are a derivative of the gradient; the Hessian itself is
    never formed. Each new vector is made orthogonal to all earlier ones, twice: as many iterations
    as there are parameters are then the dense eigenvalue problem, and as a rule a few dozen give
    the largest eigenvalue to the precision of the numbers.

    Args:
        objective: parameters -> loss [].
        parameters: where; any tree of float arrays.
        key: of the random first vector.
        iterations: at most; no more than there are parameters are made.

    Returns:
        (eigenvalue, residual), both []. An eigenvalue of the Hessian lies within `residual` (the
        norm of H v - eigenvalue * v for the unit vector v that was found) of the one returned; it
        is the largest unless the random vector was orthogonal to the largest one's.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> curvature = jnp.array([1.0, 3.0, 2.0])
        >>> value, _ = sharpness(lambda x: 0.5 * jnp.sum(curvature * x**2), jnp.zeros(3),
        ...                      jax.random.key(0), iterations=10)
        >>> round(float(value), 5)
        3.0
    """
    flat, restore = ravel_pytree(parameters)
    size = flat.size
    iterations = min(iterations, size)
    gradient = jax.grad(lambda vector: objective(restore(vector)))

    def product(vector: jax.Array) -> jax.Array:
        return jax.jvp(gradient, (flat,), (vector,))[1]

    def orthogonal(vector: jax.Array, basis: jax.Array) -> jax.Array:
        for _ in range(2):  # once leaves an error that grows as eigenvalues converge
            vector = vector - basis.T @ (basis @ vector)
        return vector

    def extend(carry, index):
        basis, scale = carry
        image = product(basis[index])
        diagonal = image @ basis[index]
        image = orthogonal(image, basis)
        norm = jnp.linalg.norm(image)
        scale = jnp.maximum(scale, jnp.abs(diagonal) + norm)
        # Nothing but rounding is left when the basis spans an invariant space. Normalised, rounding
        # is not orthogonal to anything; a new random direction goes on with the rest of the space.
        exhausted = norm <= _ROUNDING * scale
        random = jax.random.normal(jax.random.fold_in(key, index), (size,), flat.dtype)
        following = jnp.where(exhausted, orthogonal(random, basis), image)
        following = following / jnp.linalg.norm(following)
        # The last one has no place; writing out of bounds is dropped.
        basis = basis.at[index + 1].set(following, mode="drop")
        return (basis, scale), (diagonal, jnp.where(exhausted, 0.0, norm))

    with jax.default_matmul_precision("highest"):
        start = jax.random.normal(key, (size,), flat.dtype)
        basis = jnp.zeros((iterations, size), flat.dtype).at[0].set(start / jnp.linalg.norm(start))
        _, (diagonal, norms) = jax.lax.scan(extend, (basis, jnp.float32(0)), jnp.arange(iterations))
        beside = jnp.diag(norms[:-1], 1)
        values, vectors = jnp.linalg.eigh(jnp.diag(diagonal) + beside + beside.T)
    return values[-1], norms[-1] * jnp.abs(vectors[-1, -1])
