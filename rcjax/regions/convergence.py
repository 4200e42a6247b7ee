"""Counts at several resolutions of the grid, beside the limit that they converge to."""

import dataclasses
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from rcjax.array_types import Float
from rcjax.regions.anchors import check_anchors, read_block
from rcjax.regions.arguments import check_points
from rcjax.regions.counting import count_regions
from rcjax.regions.result import RegionCounts
from rcjax.regions.slice_values import slice_values
from rcjax.regions.types import AnchorsLike, Predict, SharedOptions


@dataclasses.dataclass(frozen=True)
class Convergence:
    """Counts of the same slices at several resolutions, beside the limit.

    Attributes:
        results: one `RegionCounts` for each number of points, in ascending order of points.
        limit: the adaptive count on segments and planes; the finest grid beyond, for classifiers
            that return labels on planes, and with connectivity "face".
    """

    results: tuple[RegionCounts, ...]
    limit: RegionCounts

    def bias(self) -> Float[np.ndarray, " resolutions"]:
        """Mean count minus that of the limit, for each resolution."""
        return np.asarray([r.mean - self.limit.mean for r in self.results])

    def share_wrong(self) -> Float[np.ndarray, " resolutions"]:
        """Share of the slices whose count differs from the limit, for each resolution."""
        return np.asarray([(r.counts != self.limit.counts).mean() for r in self.results])

    def __str__(self) -> str:
        lines = ["method    points    mean  +- error    bias  wrong slices  evaluations/slice"]
        rows = [*zip(self.results, self.bias(), self.share_wrong(), strict=True)]
        if self.limit is not self.results[-1]:
            rows.append((self.limit, 0.0, 0.0))
        for result, bias, wrong in rows:
            lines.append(
                f"{result.method:<8} {result.points:>7} {result.mean:>7.3f}  "
                f"+-{result.standard_error:>6.3f} {bias:>+7.3f} {100 * wrong:>11.1f} % "
                f"{result.evaluations / len(result):>17.1f}"
            )
        return "\n".join(lines)


def convergence(
    predict: Predict,
    anchors: AnchorsLike,
    points: Sequence[int] | None = None,
    **options: Unpack[SharedOptions],
) -> Convergence:
    """Counts the same slices on ever finer grids and, on segments and planes, adaptively.

    Args:
        predict, anchors: as in `count_regions`.
        points: numbers of grid points per axis; by default 25, 50, ... 3,200 on segments,
            5, 10, 20, 40 on planes and 3, 5, 7 beyond.
        options: passed to `count_regions` (extent, connectivity, batch_size, precision, devices).

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> from rcjax import convergence, slices
        >>> points = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
        >>> segments = slices.between_points(jax.random.key(0), points, count=10)
        >>> waves = lambda x: jnp.sin(20 * x)  # scores of two classes
        >>> report = convergence(waves, segments, points=(10, 1000))
        >>> bool(abs(report.bias()[0]) > abs(report.bias()[1]))
        True
    """
    dim = check_anchors(anchors).shape[1] - 1
    if "method" in options:
        raise ValueError("convergence compares the methods itself: leave method out")
    if points is None:
        points = {1: tuple(25 * 2**i for i in range(8)), 2: (5, 10, 20, 40)}.get(dim, (3, 5, 7))
    if not isinstance(points, Sequence | np.ndarray) or isinstance(points, str):
        raise ValueError(f"points must be a sequence of resolutions, got {points!r}")
    if len(points) == 0:
        raise ValueError("points must name at least one resolution, got none")
    resolutions = sorted({check_points(p, dim, "grid") for p in points})
    results = tuple(
        count_regions(predict, anchors, points=p, method="grid", **options) for p in resolutions
    )
    planes = dim == 2 and options.get("connectivity") != "face" and _has_scores(predict, anchors)
    if dim == 1 or planes:
        return Convergence(results, count_regions(predict, anchors, method="adaptive", **options))
    return Convergence(results, results[-1])


def _has_scores(predict: Predict, anchors: AnchorsLike) -> bool:
    return (
        slice_values(predict, read_block(check_anchors(anchors), 0, 1)[0], points=2).scores
        is not None
    )
