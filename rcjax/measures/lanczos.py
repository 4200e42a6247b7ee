"""Largest eigenvalue of a symmetric matrix that is only known by its products, by Lanczos.

Each new vector is made orthogonal to all earlier ones, twice: as many iterations as the matrix has
rows are then the dense eigenvalue problem, and as a rule a few dozen give the largest eigenvalue to
the precision of the numbers. All vectors are kept: iterations x size numbers.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from rcjax.array_types import Array, Float

# Vectors shorter than this, relative to the matrix's norm and in units of the precision of the
# numbers, are rounding.
_ROUNDING = 25

# A symmetric matrix times a vector.
Product = Callable[[Float[Array, " size"]], Float[Array, " size"]]


def largest_eigenvalue(
    product: Product, start: Float[Array, " size"], iterations: int
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The largest eigenvalue of a symmetric matrix, and how far from it this may be.

    One loop on the device, to be compiled or vectorised as a whole.

    Args:
        product: vector `[size]` -> matrix times vector `[size]`; a JAX function.
        start: a random vector `[size]`; all is computed in its type.
        iterations: at most; no more than `size` are made.

    Returns:
        (eigenvalue, residual), both `[]`. An eigenvalue of the matrix lies within `residual` (the
        norm of H v - eigenvalue * v for the unit vector v that was found) of the one returned; it
        is the largest unless `start` was orthogonal to the largest one's.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> diagonal = jnp.array([1.0, 3.0, 2.0])
        >>> start = jax.random.normal(jax.random.key(0), (3,))
        >>> value, _ = largest_eigenvalue(lambda v: diagonal * v, start, iterations=10)
        >>> round(float(value), 5)
        3.0
    """

    def turn(
        carry: tuple[jax.Array, jax.Array], index: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        basis, scale = carry
        basis, scale, found = _extend(product(basis[index]), basis, scale, start, index)
        return (basis, scale), found

    with jax.default_matmul_precision("highest"):
        carry = _first(start, iterations)
        _, found = jax.lax.scan(turn, carry, jnp.arange(len(carry[0])))
        return _result(*found)


def largest_eigenvalue_by_calls(
    product: Product, start: Float[Array, " size"], iterations: int
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """`largest_eigenvalue` by a loop on the host around a product that is compiled already.

    For products that are expensive to compile and used elsewhere too.
    """
    basis, scale = _first(start, iterations)
    found = []
    for index in range(len(basis)):
        image = product(basis[index])
        basis, scale, latest = _extend_compiled(image, basis, scale, start, index)
        found.append(latest)
    value, residual = _result_compiled(*map(jnp.stack, zip(*found, strict=True)))
    return value, residual


def _first(start: jax.Array, iterations: int) -> tuple[jax.Array, jax.Array]:
    """The basis, whose first vector only is known, and the largest norm seen so far."""
    basis = jnp.zeros((min(iterations, start.size), start.size), start.dtype)
    return basis.at[0].set(start / jnp.linalg.norm(start)), jnp.zeros((), start.dtype)


def _extend(
    image: jax.Array, basis: jax.Array, scale: jax.Array, start: jax.Array, index: jax.Array
) -> tuple[jax.Array, jax.Array, tuple[jax.Array, jax.Array]]:
    """Takes in the product with the basis vector at `index`; finds the next basis vector."""

    def orthogonal(vector: jax.Array) -> jax.Array:
        for _ in range(2):  # once leaves an error that grows as eigenvalues converge
            vector = vector - basis.T @ (basis @ vector)
        return vector

    diagonal = image @ basis[index]
    image = orthogonal(image)
    norm = jnp.linalg.norm(image)
    scale = jnp.maximum(scale, jnp.abs(diagonal) + norm)
    # Nothing but rounding is left when the basis spans an invariant space. Normalised, rounding is
    # not orthogonal to anything; another random direction goes on with the rest of the space.
    exhausted = norm <= _ROUNDING * jnp.finfo(basis.dtype).eps * scale
    following = jnp.where(exhausted, orthogonal(jnp.roll(start, index + 1)), image)
    following = following / jnp.linalg.norm(following)
    # The last one has no place; writing out of bounds is dropped.
    basis = basis.at[index + 1].set(following, mode="drop")
    return basis, scale, (diagonal, jnp.where(exhausted, jnp.zeros_like(norm), norm))


def _result(diagonal: jax.Array, norms: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Largest eigenvalue and residual from the tridiagonal matrix that the turns found."""
    beside = jnp.diag(norms[:-1], 1)
    values, vectors = jnp.linalg.eigh(jnp.diag(diagonal) + beside + beside.T)
    return values[-1], norms[-1] * jnp.abs(vectors[-1, -1])


_result_compiled = jax.jit(_result)


@functools.partial(jax.jit, donate_argnums=1)
def _extend_compiled(
    image: jax.Array, basis: jax.Array, scale: jax.Array, start: jax.Array, index: jax.Array
) -> tuple[jax.Array, jax.Array, tuple[jax.Array, jax.Array]]:
    with jax.default_matmul_precision("highest"):
        return _extend(image, basis, scale, start, index)
