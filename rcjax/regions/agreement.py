"""How far two networks predict alike on slices, and how far their boundaries coincide."""

import dataclasses

import numpy as np

from rcjax.array_types import Float, Int
from rcjax.regions import simplex
from rcjax.regions.anchors import check_anchors, read_block
from rcjax.regions.arguments import check_extent, check_points, check_positive
from rcjax.regions.classifier import Evaluator, own_surroundings, points_dtype, refuse_invalid
from rcjax.regions.intervals import check_level, ratio_interval
from rcjax.regions.types import AnchorsLike, Predict

_POINTS_PER_BLOCK = 2**20
_DEFAULT_POINTS = {1: 1_025, 2: 65}
_DEFAULT_POINTS_BEYOND = 9


@dataclasses.dataclass(frozen=True, eq=False)
class Agreement:
    """What `agreement` found; an interval is of the mean over slices of these data.

    Attributes:
        shares: float64 [slices], share of the points at which both predict one label.
        overlaps: float64 [slices], pairs of neighbouring points between which both change their
            label, of the pairs between which at least one does; NaN where neither changes.
        mean: of the shares.
        interval: of that mean.
        overlap: boundaries in common of all boundaries, all slices together; NaN without any.
        overlap_interval: of the overlap; NaN without any.
        points: per axis; boundaries that are less than a step apart count as one.
        evaluations: of both networks together.
    """

    shares: Float[np.ndarray, " slices"]
    overlaps: Float[np.ndarray, " slices"]
    mean: float
    interval: tuple[float, float]
    overlap: float
    overlap_interval: tuple[float, float]
    points: int
    evaluations: int


def agreement(
    predict_a: Predict,
    predict_b: Predict,
    anchors: AnchorsLike,
    *,
    points: int | None = None,
    extent: tuple[float, float] = (0.0, 1.0),
    batch_size: int | None = None,
    level: float = 0.95,
) -> Agreement:
    """Compares where two networks predict alike, on a grid over every slice.

    Labels of the two must mean the same. Few slices tell little of boundaries: from 5 slices the
    interval of their overlap holds nearly all of [0, 1], and where few slices have most of the
    boundaries it misses more often than its level says (`ratio_interval`).

    Args:
        predict_a, predict_b: as in `count_regions`.
        anchors: as in `count_regions`.
        points: grid points per axis; 1,025 on segments, 65 on planes, 9 beyond when None.
        extent: smallest and largest value of every coordinate.
        batch_size: points per device step.
        level: of the intervals.

    Returns:
        Agreement: shares, overlap of boundaries, and their intervals.

    Raises:
        ValueError: what `count_regions` refuses.

    Example:
        >>> import jax.numpy as jnp
        >>> from rcjax import agreement
        >>> above = lambda where: lambda x: (x[:, 0] > where).astype(jnp.int32)
        >>> found = agreement(above(0.5), above(0.7), [[[0.0], [1.0]], [[0.0], [2.0]]])
        >>> found.shares.round(2).tolist(), found.overlap
        ([0.8, 0.9], 0.0)

    Source: the question of Somepalli et al. 2022 (dbViz), whose regions are compared on planes.
    """
    check_level(level)
    checked = check_anchors(anchors)
    dim = checked.shape[1] - 1
    extent = check_extent(extent)
    points = _DEFAULT_POINTS.get(dim, _DEFAULT_POINTS_BEYOND) if points is None else points
    points = check_points(points, dim, "grid")
    batch_size = check_positive("batch_size", batch_size)
    cells = simplex.grid_cells(points, dim, simplex.is_simplex(extent, dim))
    weights = simplex.barycentric_weights(simplex.coordinates_of(cells, points, extent), np.float64)
    pairs = _neighbours(cells, points)
    same, both, either = [], [], []
    with own_surroundings():
        evaluators = [
            Evaluator(predict, checked.shape[2:], batch_size=batch_size)
            for predict in (predict_a, predict_b)
        ]
        size = max(_POINTS_PER_BLOCK // len(cells), 1)
        for start in range(0, checked.shape[0], size):
            stop = min(start + size, checked.shape[0])
            labels, changes = [], []
            for evaluator, predict in zip(evaluators, (predict_a, predict_b), strict=True):
                block = read_block(checked, start, stop, points_dtype(predict, checked.dtype))
                labels.append(_labels(evaluator, block, weights))
                changes.append(labels[-1][:, pairs[:, 0]] != labels[-1][:, pairs[:, 1]])
            same.append((labels[0] == labels[1]).mean(axis=1))
            both.append((changes[0] & changes[1]).sum(axis=1))
            either.append((changes[0] | changes[1]).sum(axis=1))
            _refuse_other_names(predict_a, predict_b)
    shares, common, total = (np.concatenate(parts) for parts in (same, both, either))
    mean, interval = ratio_interval(shares, np.ones(len(shares)), level)
    overlap, overlap_interval = ratio_interval(common, total, level)
    return Agreement(
        shares=shares,
        overlaps=np.where(total > 0, common / np.maximum(total, 1), np.nan),
        mean=mean,
        interval=interval,
        overlap=overlap,
        overlap_interval=overlap_interval,
        points=points,
        evaluations=sum(evaluator.evaluations for evaluator in evaluators),
    )


def _labels(
    evaluator: Evaluator, block: np.ndarray, weights: Float[np.ndarray, "points anchors"]
) -> Int[np.ndarray, "slices points"]:
    evaluator.load(block)
    evaluator.balance(len(block) * len(weights))
    index = np.repeat(np.arange(len(block), dtype=np.int32), len(weights))
    labels = evaluator.labels(index, np.tile(weights, (len(block), 1)))
    refuse_invalid(labels)
    return labels.reshape(len(block), len(weights))


def _refuse_other_names(predict_a: Predict, predict_b: Predict) -> None:
    first, second = (getattr(predict, "label_names", None) for predict in (predict_a, predict_b))
    if (first or None) != (second or None):
        raise ValueError(
            f"the two classifiers name their labels differently ({first} and {second}); let both "
            "return integers that mean the same"
        )


def _neighbours(cells: Int[np.ndarray, "cells dim"], points: int) -> Int[np.ndarray, "pairs 2"]:
    """Places in `cells` of neighbours along every axis."""
    dim = cells.shape[1]
    place = np.full((points + 1,) * dim, -1)
    place[tuple(cells.T)] = np.arange(len(cells))
    pairs = []
    for step in np.eye(dim, dtype=np.int32):
        other = place[tuple((cells + step).T)]
        pairs.append(np.stack([np.flatnonzero(other >= 0), other[other >= 0]], axis=1))
    return np.concatenate(pairs)
