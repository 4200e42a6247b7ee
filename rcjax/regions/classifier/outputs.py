"""What a classifier may return, and how scores become labels."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

INVALID_LABEL = np.iinfo(np.int32).min
"""Marks a point whose scores hold NaN; no classifier returns it as a label."""


def check_output_shape(shape: tuple[int, ...], count: int) -> None:
    """Refuses what `predict` returned when it is neither labels [n] nor scores [n, classes]."""
    if len(shape) not in (1, 2) or shape[0] != count:
        raise ValueError(
            f"predict must return labels [n] or scores [n, classes]; for n = {count} points it "
            f"returned shape {tuple(shape)}"
        )
    if len(shape) == 2 and shape[1] < 2:
        raise ValueError(
            f"predict returned scores of shape {tuple(shape)}: one column has no maximum to "
            "choose; return labels [n], for instance (score > 0), or one column for each class"
        )


def check_output_dtype(dtype: Any, rank: int) -> None:
    """Labels must be integers or booleans, scores must be real."""
    if rank == 1 and not (jnp.issubdtype(dtype, jnp.integer) or dtype == jnp.bool_):
        raise ValueError(
            f"predict returned {dtype} values of shape [n], which are not labels; "
            "return integer labels [n] or scores [n, classes]"
        )
    if rank == 2 and not (
        jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.integer)
    ):
        raise ValueError(f"predict returned scores of dtype {dtype}; they must be real numbers")


def labels_of(output: Any) -> Any:
    """int32 labels [n] of labels [n] or scores [n, classes]; numpy in, numpy out.

    The first of several equal maxima wins. Points with NaN among their scores get INVALID_LABEL.
    """
    xp = jnp if isinstance(output, jax.Array) else np
    if output.ndim == 1:
        return output.astype(np.int32)
    best = xp.argmax(output, axis=1).astype(np.int32)
    return xp.where(xp.isnan(output).any(axis=1), np.int32(INVALID_LABEL), best)


def margins_of(scores: Any) -> Any:
    """Largest minus second largest score, [n]."""
    xp = jnp if isinstance(scores, jax.Array) else np
    ordered = xp.sort(scores, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def refuse_invalid(labels: np.ndarray) -> None:
    """Raises where a label says that the scores held NaN."""
    if (labels == INVALID_LABEL).any():
        raise ValueError(
            f"predict returned NaN for {int((labels == INVALID_LABEL).sum())} of {labels.size} "
            "points; a network that has diverged has no regions to count"
        )
