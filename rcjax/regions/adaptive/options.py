"""Options of an adaptive count of segments, for the host's loop and the compiled one."""

from __future__ import annotations

import dataclasses
import warnings

from rcjax.regions.adaptive.score_kind import ScoreKind

# Intervals of the coarse grid. Nothing is seen of what lies inside one of them where scores do not
# move with the point, so these need many.
INITIAL_INTERVALS = {"continuous": 10, "steps": 1_024, "labels": 1_024}


@dataclasses.dataclass(frozen=True)
class AdaptiveOptions:
    """Options of an adaptive count.

    Attributes:
        points: points of the fine grid that the count refers to, ends included.
        extent: coordinates of its first and its last point.
        initial_intervals: intervals of the coarse grid; by the kind of the scores when None.
        safety: factor on the estimated interpolation error; more is safer and dearer.
        locate: continue until every boundary lies between neighbours of the fine grid.
    """

    points: int
    extent: tuple[float, float] = (0.0, 1.0)
    initial_intervals: int | None = None
    safety: float = 5.0
    locate: bool = False

    def intervals(self, kind: ScoreKind | None) -> int:
        """Intervals of the coarse grid for scores of a kind, None before it is known."""
        wanted = self.initial_intervals or INITIAL_INTERVALS[kind or "continuous"]
        return min(wanted, self.points - 1)


class BlindBetweenPoints(UserWarning):
    """Scores say nothing of what lies between two points, so counts may be too low."""


def warn_of_kind(kind: ScoreKind | None, options: AdaptiveOptions) -> None:
    """Warns where the adaptive method is blind between its points, which is no gain over a grid."""
    if kind not in ("steps", "labels"):
        return
    seen = (
        "the scores stay the same in stretches (as of trees, forests, nearest neighbours, "
        "quantised networks and low precision)"
    )
    advice = "count a network in float32" if kind == "steps" else "return scores"
    warnings.warn(
        f"{seen if kind == 'steps' else 'predict returns labels alone'}, so method='adaptive' sees "
        f"nothing between its points; it starts from {options.intervals(kind):,} intervals a "
        f"segment and may miss narrower regions: {advice} if you can, or raise initial_intervals",
        BlindBetweenPoints,
        stacklevel=4,
    )
