"""The fields of a result, apart from what is computed from them."""

import dataclasses

import numpy as np

from rcjax.array_types import Bool, Float, Int, Shaped
from rcjax.regions.adaptive import ScoreKind
from rcjax.regions.slice_regions import SliceRegions


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class ResultFields:
    """The findings of a count, and the options by which it was made.

    Attributes:
        counts: int32 [slices], regions on each slice.
        method: "grid", "adaptive" or "exact".
        dim: dimension of the slices.
        points: grid points per axis (the finest grid of the adaptive method); 0 for "exact".
        extent: smallest and largest value of every coordinate.
        connectivity: which neighbouring grid points are joined: "full" (diagonals too, what a
            finer grid converges to) or "face" (along the axes only, the paper's beyond planes).
        evaluations: points at which the classifier was evaluated, all slices together.
        lengths: float64 [slices], Euclidean distance between the two anchors (1-D only).
        sizes: float64 [slices], area or volume of the slices in units of input space (beyond 1-D).
        boundaries: 1-D only; for each slice the ascending coordinates at which the label changes.
            None where the method did not keep them.
        region_labels: 1-D only; for each slice the labels of its regions in order, or None.
        linear_regions: int32 [slices], linear pieces of the network on the segment
            (method "exact"). Not to be confused with `counts`: a region of equal label usually
            holds many linear pieces.
        activation_regions: int32 [slices], pieces of one activation pattern (method "exact"). At
            least `linear_regions`: a unit may switch without any effect on the scores.
        complete: bool [slices]; False where the budget ended the work early.
        crowded: int32 [slices], places narrower than the rounding of float64 that may hold more
            than the one breakpoint counted there (method "exact").
        score_kind: method "adaptive" only. "continuous": scores that move with the point. "steps":
            scores that stay the same in stretches, as of trees, forests, nearest neighbours,
            quantised networks and low precision. "labels": no scores. Of the last two nothing is
            seen between the points, so counts may be too low.
        uncertain: bool [slices], where the adaptive method on planes saw a reason for the count to
            differ: its budget ran out, the count hangs on what is thinner than the grid, or the
            scores show a region, or a link between two, that is not counted.
        regions: for each slice its regions with label, size, share and neighbours, where they were
            asked for (`regions=True`). On planes that were counted exactly or adaptively they are
            `PlaneRegions`, with perimeters and edges; the exact method keeps these always.
        precision: "float32" or "mixed".
        low_precision: what the classifier was seen to compute in if that has fewer bits than
            float32 ("bfloat16", "tensorfloat32", ...): the count holds its rounding. Else None.
        reevaluated_share: share of the points that mixed precision evaluated again in float32.
    """

    counts: Int[np.ndarray, " slices"]
    method: str
    dim: int
    points: int
    extent: tuple[float, float]
    connectivity: str
    evaluations: int
    lengths: Float[np.ndarray, " slices"] | None = None
    sizes: Float[np.ndarray, " slices"] | None = None
    boundaries: tuple[Float[np.ndarray, " _"], ...] | None = None
    region_labels: tuple[Shaped[np.ndarray, " _"], ...] | None = None
    linear_regions: Int[np.ndarray, " slices"] | None = None
    activation_regions: Int[np.ndarray, " slices"] | None = None
    complete: Bool[np.ndarray, " slices"] | None = None
    crowded: Int[np.ndarray, " slices"] | None = None
    score_kind: ScoreKind | None = None
    uncertain: Bool[np.ndarray, " slices"] | None = None
    regions: tuple[SliceRegions, ...] | None = None
    precision: str = "float32"
    low_precision: str | None = None
    reevaluated_share: float = 0.0
