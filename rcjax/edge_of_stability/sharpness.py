"""Largest eigenvalue of the Hessian of the training loss, by the Lanczos method."""

from collections.abc import Callable
from typing import Any

import jax
from jax.flatten_util import ravel_pytree

from rcjax.measures import largest_eigenvalue


def sharpness(
    objective: Callable[[Any], jax.Array], parameters: Any, key: jax.Array, iterations: int
) -> tuple[jax.Array, jax.Array]:
    """The largest eigenvalue of the Hessian of `objective`, and how far from it this may be.

    Products of the Hessian with a vector are a derivative of the gradient; the Hessian itself is
    never formed.

    Args:
        objective: parameters -> loss [].
        parameters: where; any tree of float arrays.
        key: of the random first vector.
        iterations: of `rcjax.measures.lanczos`, at most.

    Returns:
        (eigenvalue, residual), both [], as `rcjax.measures.lanczos` says.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> curvature = jnp.array([1.0, 3.0, 2.0])
        >>> value, _ = sharpness(lambda x: 0.5 * jnp.sum(curvature * x**2), jnp.zeros(3),
        ...                      jax.random.key(0), iterations=10)
        >>> round(float(value), 5)
        3.0
    """
    flat, restore = ravel_pytree(parameters)
    gradient = jax.grad(lambda vector: objective(restore(vector)))

    def product(vector: jax.Array) -> jax.Array:
        with jax.default_matmul_precision("highest"):
            return jax.jvp(gradient, (flat,), (vector,))[1]

    start = jax.random.normal(key, flat.shape, flat.dtype)
    return largest_eigenvalue(product, start, iterations)
