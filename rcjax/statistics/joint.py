"""The gap by several measures at once: what each adds to the others, and how alike they are."""

from dataclasses import dataclass

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.averaging import average
from rcjax.statistics.correlation import standardised
from rcjax.statistics.names import COUNT, GAP, VARIANT
from rcjax.statistics.study_rows import NetworkRows, values_of

# What Li et al. 2025 regress on besides counts.
_OTHERS = ("distance_from_initialization", "output_margin")


@dataclass(frozen=True)
class Share:
    """Of one measure in a joint regression.

    Attributes:
        measure: its name.
        partial_r2: the share of what the other measures leave of the gap that it explains.
        inflation: of the variance of its slope, by being predictable from the others; 1 is none.
    """

    measure: str
    partial_r2: float
    inflation: float


@dataclass(frozen=True)
class JointRegression:
    """Least squares of the gap on several measures, settings averaged over runs."""

    r2: float
    shares: tuple[Share, ...]


def joint_regression(network: NetworkRows) -> JointRegression | None:
    """Regresses the gap on the counts, the distance from the initialization and the margin.

    Returns:
        None for fewer than two measures that vary, fewer settings than measures and three, and
        where one measure is a linear function of the others.

    Source: Li et al. 2025, the regression of the gap on two counts, distance and margin.
    """
    names = [
        name
        for name in network.measures
        if name == COUNT or name.startswith(VARIANT) or name in _OTHERS
    ]
    columns = {name: average(values_of(network.settings, name)) for name in (*names, GAP)}
    table = np.stack(list(columns.values()), axis=1) if network.settings else np.zeros((0, 0))
    table = table[np.isfinite(table).all(axis=1)]
    if len(names) < 2 or len(table) < len(names) + 3 or not np.ptp(table, axis=0).all():
        return None
    table = standardised(table.T).T
    x, y = table[:, :-1], table[:, -1]
    if np.linalg.matrix_rank(x, tol=1e-6 * np.linalg.norm(x)) < len(names):
        return None
    left = _left(x, y)
    shares = []
    for place, name in enumerate(names):
        others = np.delete(x, place, axis=1)
        without = _left(others, y)
        partial = 1.0 - left / without if without > 0 else 0.0
        shares.append(Share(name, partial, 1.0 / _left(others, x[:, place])))
    return JointRegression(1.0 - left, tuple(shares))


def _left(x: Float[np.ndarray, "settings measures"], y: Float[np.ndarray, " settings"]) -> float:
    """The share of the variance of y that regression on x leaves; both standardised."""
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    return float(np.mean((y - x @ slopes) ** 2))
