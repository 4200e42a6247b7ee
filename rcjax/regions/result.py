"""What `count_regions` returns."""

import dataclasses

import numpy as np

from rcjax.array_types import Bool, Float, Int, Shaped
from rcjax.regions import intervals, statistics
from rcjax.regions.adaptive import ScoreKind
from rcjax.regions.planes import PlaneRegions


@dataclasses.dataclass(frozen=True, repr=False)
class RegionCounts:
    """Region counts of a set of slices, how they were obtained, and their statistics.

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
            differ: its budget ran out, or the count hangs on what is thinner than the grid.
        plane_regions: for each plane its regions with label, area, perimeter, neighbours and true
            edges (method "exact" on planes).
        precision: "float32" or "mixed".
        low_precision: the dtype of 16 or 8 bits in which the classifier was seen to compute, whose
            rounding the count holds; None where there is none.
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
    boundaries: tuple[Float[np.ndarray, " _"], ...] | None = None
    region_labels: tuple[Shaped[np.ndarray, " _"], ...] | None = None
    linear_regions: Int[np.ndarray, " slices"] | None = None
    activation_regions: Int[np.ndarray, " slices"] | None = None
    complete: Bool[np.ndarray, " slices"] | None = None
    crowded: Int[np.ndarray, " slices"] | None = None
    score_kind: ScoreKind | None = None
    uncertain: Bool[np.ndarray, " slices"] | None = None
    plane_regions: tuple[PlaneRegions, ...] | None = None
    precision: str = "float32"
    low_precision: str | None = None
    reevaluated_share: float = 0.0

    @property
    def mean(self) -> float:
        """Mean count over the slices."""
        return float(self.counts.mean())

    @property
    def median(self) -> float:
        """Median count over the slices."""
        return float(np.median(self.counts))

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the count over slices (n - 1); NaN for a single slice."""
        return statistics.standard_deviation(self.counts)

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over slices; NaN for a single slice."""
        return self.standard_deviation / float(np.sqrt(len(self.counts)))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of the mean over slices of these data; NaN for a single slice.

        Student's t on the counts and one that was not seen: few, skewed or equal counts get an
        interval that covers. For the mean between *new* images see `images_interval`.
        """
        return intervals.mean_interval(self.counts, level, smallest=1)

    def images_interval(
        self,
        images: Int[np.ndarray, "slices anchors"],
        level: float = 0.95,
        *,
        resamples: int = 2_000,
        seed: int = 0,
    ) -> tuple[float, float]:
        """Interval of the mean over slices between new images, by a bootstrap over the images.

        Args:
            images: int [slices, anchors], which image each anchor is, as
                `slices.between_points(..., lazy=True).indices`.
            level: of the interval.
            resamples: of the bootstrap.
            seed: of the bootstrap.
        """
        return intervals.images_interval(self.counts, images, level, resamples=resamples, seed=seed)

    def histogram(self) -> dict[int, int]:
        """{count: number of slices with that count}, ascending."""
        values, slices = np.unique(self.counts, return_counts=True)
        return dict(zip(values.tolist(), slices.tolist(), strict=True))

    def slices_needed(self, half_width: float, level: float = 0.95) -> int:
        """Slices for an interval of the mean of +- `half_width`, judged by the counts seen here."""
        return intervals.slices_needed(self.counts, half_width, level)

    @property
    def first_boundary(self) -> Float[np.ndarray, " slices"]:
        """Distance [slices] along the segment from the first anchor to the first label change.

        In units of input space; infinity where the label never changes towards the second anchor.
        A margin of the first anchor along this direction.

        Raises:
            ValueError: boundaries were not kept, or the extent does not hold the first anchor.
        """
        if self.boundaries is None or self.lengths is None:
            raise ValueError(
                "boundaries were not kept: call count_regions with boundaries=True on segments"
            )
        if not self.extent[0] <= 0 <= self.extent[1]:
            raise ValueError(f"the extent {self.extent} does not hold the first anchor (0)")
        inside = [boundaries[boundaries >= 0] for boundaries in self.boundaries]
        return np.asarray(
            [
                found[0] * length if found.size else np.inf
                for found, length in zip(inside, self.lengths, strict=True)
            ]
        )

    def __len__(self) -> int:
        return len(self.counts)

    def __repr__(self) -> str:
        text = (
            f"RegionCounts(mean={self.mean:.4g}, standard_error={self.standard_error:.2g}, "
            f"slices={len(self.counts)}, dim={self.dim}, method={self.method!r}"
        )
        if self.dim > 1:
            text += f", connectivity={self.connectivity!r}"
        if self.points:
            text += f", points={self.points}"
        if self.linear_regions is not None:
            text += f", linear_regions={self.linear_regions.mean():.4g}"
        if self.lengths is not None and not self.lengths.all():
            text += f", of_length_zero={int((self.lengths == 0).sum())}"
        if self.complete is not None and not self.complete.all():
            text += f", incomplete={int((~self.complete).sum())}"
        if self.uncertain is not None and self.uncertain.any():
            text += f", uncertain={int(self.uncertain.sum())}"
        return f"{text}, evaluations={self.evaluations})"
