"""The values of a classifier over one slice: for pictures, and to check a count by eye."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from rcjax.array_types import ArrayLike, Float, Int, Num
from rcjax.regions import simplex
from rcjax.regions.anchors import check_anchors, read_block
from rcjax.regions.arguments import check_extent, check_points
from rcjax.regions.classifier import (
    Evaluator,
    labels_of,
    own_surroundings,
    points_dtype,
    refuse_invalid,
)
from rcjax.regions.types import Predict


@dataclasses.dataclass(frozen=True)
class SliceValues:
    """Labels, and scores where there are any, on a grid over one slice.

    Attributes:
        axis: float64 [points], the values that every coordinate takes.
        labels: int32 [points] * dim.
        scores: float [points] * dim + [classes], or None for a classifier that returns labels.
    """

    axis: Float[np.ndarray, " points"]
    labels: Int[np.ndarray, "..."]
    scores: Float[np.ndarray, "..."] | None


def slice_values(
    predict: Predict,
    anchors: Num[ArrayLike, " anchors *features"] | Sequence[object],
    *,
    points: int = 200,
    extent: tuple[float, float] = (0.0, 1.0),
    batch_size: int | None = None,
) -> SliceValues:
    """Evaluates a classifier on the whole grid over one slice (no simplex mask).

    Args:
        predict: as in `count_regions`.
        anchors: [dim + 1, *features], the anchors of one slice.
        points: grid points per axis.
        extent: smallest and largest value of every coordinate.
        batch_size: points per device step.

    Example:
        >>> import jax.numpy as jnp
        >>> values = slice_values(lambda x: jnp.sin(3 * x), jnp.zeros((3, 2)), points=20)
        >>> values.labels.shape, values.scores.shape
        ((20, 20), (20, 20, 2))
    """
    block = check_anchors(np.asarray(anchors)[None])
    dim = block.shape[1] - 1
    points, extent = check_points(points, dim, "grid"), check_extent(extent)
    cells = simplex.grid_cells(points, dim, False)
    coordinates = simplex.coordinates_of(cells, points, extent)
    with own_surroundings():
        evaluator = Evaluator(predict, block.shape[2:], batch_size=batch_size)
        evaluator.balance(len(cells))
        evaluator.load(read_block(block, 0, 1, points_dtype(predict, block.dtype)))
        output = evaluator.scores(
            np.zeros(len(cells), np.int32), simplex.barycentric_weights(coordinates, np.float64)
        )
    labels = labels_of(output)
    refuse_invalid(labels)
    shape = (points,) * dim
    return SliceValues(
        axis=simplex.coordinates_of(np.arange(points), points, extent),
        labels=labels.reshape(shape),
        scores=output.reshape(*shape, -1) if output.ndim == 2 else None,
    )
