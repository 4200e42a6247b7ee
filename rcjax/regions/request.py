"""The checked arguments of one call of `count_regions`, and what all methods do with them."""

import dataclasses
from collections.abc import Iterator, Sequence

import jax
import numpy as np

from rcjax.array_types import Int
from rcjax.regions.adaptive import AdaptiveOptions
from rcjax.regions.anchors import is_wide, read_block
from rcjax.regions.classifier import Evaluator, MixedEvaluator, points_dtype
from rcjax.regions.progress import Progress
from rcjax.regions.resolution import check_resolved
from rcjax.regions.result import RegionCounts
from rcjax.regions.types import Anchors, Block, Predict

_SLICES_LOOKED_AT = 64  # of a block, for what float32 can resolve


@dataclasses.dataclass(frozen=True)
class Request:
    """The arguments of `count_regions` after their checks; `budget` None is the method's default.

    `predict` takes points; for many networks, parameters and points.
    """

    predict: Predict
    anchors: Anchors
    points: int
    dim: int
    extent: tuple[float, float]
    method: str
    connectivity: str
    batch_size: int | None
    precision: str
    boundaries: bool
    regions: bool
    budget: int | None
    initial_intervals: int | None
    safety: float
    devices: Sequence[jax.Device] | None
    progress: Progress

    @property
    def slices(self) -> int:
        """How many slices there are."""
        return self.anchors.shape[0]

    def evaluator(self, predict: Predict | None = None) -> Evaluator:
        """Evaluates the request's classifier, or another one, in its batches on its devices."""
        kind = MixedEvaluator if self.precision == "mixed" else Evaluator
        return kind(
            self.predict if predict is None else predict,
            self.anchors.shape[2:],
            batch_size=self.batch_size,
            in_rounds=self.method == "adaptive",
            largest_round=self._largest_round(),
            devices=self.devices,
        )

    def _largest_round(self) -> int | None:
        """Points that the adaptive method asks for first, on all segments."""
        if self.method != "adaptive" or self.dim > 1:
            return None
        return self.slices * (1 + self.adaptive_options().intervals(None))

    def adaptive_options(self) -> AdaptiveOptions:
        """How segments are counted adaptively."""
        return AdaptiveOptions(
            points=self.points,
            extent=self.extent,
            initial_intervals=self.initial_intervals,
            safety=self.safety,
            locate=self.boundaries,
        )

    def blocks(self, size: int) -> Iterator[tuple[int, Block]]:
        """Blocks of at most `size` slices, each after the number of its first slice.

        Raises:
            ValueError: anchors are not finite, or float32 cannot tell the points of a slice apart.
        """
        for start in range(0, self.slices, size):
            yield start, self.block(start, min(start + size, self.slices))

    def block(self, start: int, stop: int) -> Block:
        """The slices from `start` to `stop`; raises as `blocks` does."""
        dtype = points_dtype(self.predict, self.anchors.dtype)
        block = read_block(self.anchors, start, stop, dtype)
        if dtype == np.float32:
            some = block[:_SLICES_LOOKED_AT]
            if is_wide(self.anchors.dtype):  # judged before their differences are rounded away
                some = read_block(self.anchors, start, start + len(some), np.float64)
            check_resolved(some, start, self.points, self.extent)
        return block

    def result(self, counts: Int[np.ndarray, " slices"], evaluations: int) -> RegionCounts:
        """The counts beside the options by which they were found."""
        return RegionCounts(
            counts=counts,
            method=self.method,
            dim=self.dim,
            points=self.points,
            extent=self.extent,
            connectivity=self.connectivity,
            evaluations=evaluations,
            precision=self.precision,
        )
