"""Asks a classifier to prove that it is a function: each point's answer depends on it alone.

Dropout, batch norm in training mode, scales taken from the batch and random numbers make a label
depend on the other points of a batch or on the call; their count would be noise.
"""

from collections.abc import Callable

import jax.extend.core as jex
import numpy as np

from rcjax.regions.classifier.walking import Variable, shape_of

POINTS = 16
# Largest difference between two answers, as a share of the spread of the scores: rounding differs
# from one size of a batch to another, by far more in half precision.
_TOLERANCE, _TOLERANCE_OF_HALF_PRECISION = 1e-3, 5e-2

_MIXING = (
    *("reduce", "argmax", "argmin", "cum", "sort", "rev", "gather", "scatter", "dynamic_slice"),
    *("iota", "concatenate", "top_k", "approx_top_k"),
)
_RANDOM = ("random_", "threefry", "rng_")


def check_is_function(
    predict: Callable[[np.ndarray], np.ndarray], points: np.ndarray
) -> np.ndarray:
    """Evaluates some points together, once more, and in two parts.

    Args:
        predict: labels [n] or scores [n, classes] of points.
        points: [n, *features].

    Returns:
        The answers.

    Raises:
        ValueError: the answers differ.
    """
    together = predict(points)
    _compare(together, predict(points), "when it was asked twice")
    if len(points) > 1:
        cut = -(-len(points) // 3)
        parts = np.concatenate([predict(points[:cut]), predict(points[cut:])])
        _compare(together, parts, "in a batch of other points")
    return together


def _compare(one: np.ndarray, other: np.ndarray, when: str) -> None:
    if one.ndim == 1:
        different = one != other
    else:
        spread = np.ptp(one.astype(np.float64)[np.isfinite(one)]) if np.isfinite(one).any() else 0.0
        with np.errstate(over="ignore"):
            rounded = one.astype(np.float16).astype(one.dtype)
        half = np.array_equal(rounded, one, equal_nan=True)
        tolerance = _TOLERANCE_OF_HALF_PRECISION if half else _TOLERANCE
        close = np.isclose(one, other, rtol=0, atol=tolerance * spread, equal_nan=True)
        different = ~close.all(axis=1)
    if different.any():
        raise ValueError(
            f"predict gave {int(different.sum())} of {len(one)} points another answer {when}; a "
            "label must depend on its point alone: put the network into evaluation mode (dropout "
            "off, batch norm with running statistics), and draw no random numbers in predict"
        )


def mixes_points(jaxpr: jex.Jaxpr, batch: int) -> bool:
    """Whether a trace on `batch` points holds an operation that may join different points.

    Looks for operations over an axis that holds the batch, random numbers and calls back into
    Python. An answer True is a reason to ask the classifier, not a proof.
    """
    return any(_mixes(equation, batch) for equation in jaxpr.eqns)


def _mixes(equation: jex.JaxprEqn, batch: int) -> bool:
    name = equation.primitive.name
    if name.startswith(_RANDOM) or "callback" in name:
        return True
    if any(mixes_points(inner, batch) for inner in jex.jaxprs_in_params(equation.params)):
        return True
    if name == "dot_general":
        contracted, _ = equation.params["dimension_numbers"]
        return any(
            _holds(shape_of(equation.invars[side])[axis], batch)
            for side in (0, 1)
            for axis in contracted[side]
        )
    if name == "scan":
        return _holds(equation.params["length"], batch)
    if not name.startswith(_MIXING):
        return False
    operands = [*equation.invars, *equation.outvars]
    return any(_holds(equation_shape, batch) for equation_shape in _axes_of(equation, operands))


def _axes_of(equation: jex.JaxprEqn, operands: list[Variable]) -> tuple[int, ...]:
    """Sizes of the axes that an operation works along; of all axes where it does not say."""
    shape = shape_of(operands[0])
    parameters = equation.params
    if equation.primitive.name == "reduce_window" or "window_dimensions" in parameters:
        windows = parameters.get("window_dimensions", ())
        return tuple(size for size, window in zip(shape, windows, strict=False) if window > 1)
    for name in ("axes", "dimensions"):
        if isinstance(parameters.get(name), tuple):
            return tuple(shape[axis] for axis in parameters[name])
    for name in ("axis", "dimension"):
        if isinstance(parameters.get(name), int) and shape:
            return (shape[parameters[name]],)
    return shape


def _holds(size: int, batch: int) -> bool:
    return size > 0 and size % batch == 0
