"""Largest eigenvalue of a symmetric matrix that is only known by its products, by Lanczos."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

# Vectors shorter than this, relative to the matrix's norm and in units of the precision of the
# numbers, are rounding.
_ROUNDING = 25


def largest_eigenvalue(
    product: Callable[[jax.Array], jax.Array],
    size: int,
    key: jax.Array,
    iterations: int,
    dtype: Any = jnp.float32,
) -> tuple[jax.Array, jax.Array]:
    """The largest eigenvalue of a symmetric matrix, and how far from it this may be.

    Each new vector is made orthogonal to all earlier ones, twice: as many iterations as the matrix
    has rows are then the dense eigenvalue problem, and as a rule a few dozen give the largest
    eigenvalue to the precision of the numbers. All vectors are kept: iterations x size numbers.

    Args:
        product: vector `[size]` -> matrix times vector `[size]`; a JAX function.
        size: rows of the matrix.
        key: of the random first vector.
        iterations: at most; no more than `size` are made.
        dtype: of the vectors.

    Returns:
        (eigenvalue, residual), both `[]`. An eigenvalue of the matrix lies within `residual` (the
        norm of H v - eigenvalue * v for the unit vector v that was found) of the one returned; it
        is the largest unless the random vector was orthogonal to the largest one's.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> diagonal = jnp.array([1.0, 3.0, 2.0])
        >>> value, _ = largest_eigenvalue(lambda v: diagonal * v, 3, jax.random.key(0), 10)
        >>> round(float(value), 5)
        3.0
    """
    iterations = min(iterations, size)
    rounding = _ROUNDING * float(jnp.finfo(dtype).eps)

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
        exhausted = norm <= rounding * scale
        random = jax.random.normal(jax.random.fold_in(key, index), (size,), dtype)
        following = jnp.where(exhausted, orthogonal(random, basis), image)
        following = following / jnp.linalg.norm(following)
        # The last one has no place; writing out of bounds is dropped.
        basis = basis.at[index + 1].set(following, mode="drop")
        return (basis, scale), (diagonal, jnp.where(exhausted, 0.0, norm))

    with jax.default_matmul_precision("highest"):
        start = jax.random.normal(key, (size,), dtype)
        basis = jnp.zeros((iterations, size), dtype).at[0].set(start / jnp.linalg.norm(start))
        state = (basis, jnp.zeros((), dtype))
        _, (diagonal, norms) = jax.lax.scan(extend, state, jnp.arange(iterations))
        beside = jnp.diag(norms[:-1], 1)
        values, vectors = jnp.linalg.eigh(jnp.diag(diagonal) + beside + beside.T)
    return values[-1], norms[-1] * jnp.abs(vectors[-1, -1])
