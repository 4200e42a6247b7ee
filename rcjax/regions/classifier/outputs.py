"""Checks what a classifier returns, and turns scores into labels."""

from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.regions.classifier.labels import INVALID_LABEL, OVERFLOWING_LABEL
from rcjax.regions.types import Labels, Values


def check_output_shape(shape: tuple[int, ...], dtype: np.dtype, count: int) -> None:
    """Refuses what `predict` returned when it is neither labels [n] nor scores [n, classes]."""
    if len(shape) not in (1, 2) or shape[0] != count:
        raise ValueError(
            f"predict must return labels [n] or scores [n, classes]; for n = {count} points it "
            f"returned shape {tuple(shape)}"
        )
    if len(shape) == 2 and shape[1] == 1 and not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f"predict returned labels of shape {tuple(shape)}, which must be [n]; wrap it: "
            "lambda points: predict(points)[:, 0]"
        )
    if len(shape) == 2 and shape[1] < 2:
        raise ValueError(
            f"predict returned scores of shape {tuple(shape)}: one column has no maximum to "
            "choose; return labels [n], for instance (score > 0), or one column for each class"
        )


def check_output_dtype(dtype: np.dtype, rank: int) -> None:
    """Labels must be integers or booleans, scores must be real."""
    if rank == 1 and not (jnp.issubdtype(dtype, jnp.integer) or dtype == jnp.bool_):
        raise ValueError(
            f"predict returned {dtype} values of shape [n], which are not labels; "
            "return integer labels [n] or scores [n, classes]"
        )
    if rank == 2 and not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f"predict returned {dtype} values of shape [n, classes], which are no scores: scores "
            "are real numbers of a floating dtype, and labels have shape [n]"
        )
    if rank == 2 and dtype.itemsize < 2:
        raise ValueError(
            f"predict returned scores of {dtype}, whose steps are too coarse to tell which is the "
            "largest; return them in float32: scores.astype(jnp.float32)"
        )


def is_out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may go through where one has failed."""
    text = str(error)
    told = "RESOURCE_EXHAUSTED" in text or "out of memory" in text.lower()
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and told)


def labels_of(output: Values) -> Values:
    """int32 labels [n] of labels [n] or scores [n, classes]; numpy in, numpy out.

    The first of several equal maxima wins. Points with NaN among their scores get INVALID_LABEL,
    points whose label int32 cannot hold OVERFLOWING_LABEL.
    """
    xp = jnp if isinstance(output, jax.Array) else np
    if output.ndim == 1:
        return _narrowed(output, xp)
    best = xp.argmax(output, axis=1).astype(np.int32)
    labels: Values = xp.where(xp.isnan(output).any(axis=1), np.int32(INVALID_LABEL), best)
    return labels


def _narrowed(labels: Values, xp: ModuleType) -> Values:
    """Labels as int32; one that is out of range, or equals a mark, becomes OVERFLOWING_LABEL."""
    kind = np.dtype(labels.dtype)
    narrowed = labels.astype(np.int32)
    if kind == np.bool_ or kind.itemsize < 4:
        return narrowed
    marked = narrowed <= OVERFLOWING_LABEL
    if kind.itemsize > 4:
        marked = marked | (narrowed.astype(labels.dtype) != labels)
    if kind.kind == "u":
        marked = marked | (narrowed < 0)
    told: Values = xp.where(marked, np.int32(OVERFLOWING_LABEL), narrowed)
    return told


def margins_of(scores: Values) -> Values:
    """Largest minus second largest score, [n]."""
    xp = jnp if isinstance(scores, jax.Array) else np
    ordered: Values = xp.sort(scores, axis=1)
    margins: Values = ordered[:, -1] - ordered[:, -2]
    return margins


def margin_errors(low: Values, exact: Values, same: Values) -> Values:
    """How far low precision moved the margins [n] between the two largest scores.

    Args:
        low, exact: the margins in low precision and in full precision.
        same: bool [n], whether the labels are equal.
    """
    xp = jnp if isinstance(low, jax.Array) else np
    errors = xp.abs(xp.where(same, low - exact, low + exact))
    # Infinite scores have no difference: an error that cannot be measured is infinite.
    measured: Values = xp.where(xp.isnan(errors), np.inf, errors)
    return measured


def refuse_invalid(labels: Labels) -> None:
    """Raises where a label says that the scores held NaN, or that it does not fit."""
    if (labels <= OVERFLOWING_LABEL).any():
        raise invalid(
            np.asarray(labels).min() == INVALID_LABEL,
            f"{int((labels <= OVERFLOWING_LABEL).sum())} of {labels.size} points",
        )


def invalid(not_a_number: bool, where: str) -> ValueError:
    """The error of scores that hold NaN, or of labels beyond int32."""
    if not_a_number:
        return ValueError(
            f"predict returned NaN for {where}; a network that has diverged has no regions to count"
        )
    return ValueError(
        f"predict returned labels beyond {OVERFLOWING_LABEL + 1} to 2147483647 for {where}; number "
        "the classes from 0, or wrap predict in on_host, which numbers labels of any size"
    )
