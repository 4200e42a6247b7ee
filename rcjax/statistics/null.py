"""The level of random predictors, beside which every statistic is to be read."""

from math import comb

import numpy as np

from rcjax.array_types import Float
from rcjax.statistics.averaging import average
from rcjax.statistics.bootstrap import percentile_interval
from rcjax.statistics.conditional_information import conditional_mutual_information
from rcjax.statistics.correlation import pearson
from rcjax.statistics.design import Design
from rcjax.statistics.estimates import Estimate, MeasureStatistics, Undefined, undefined
from rcjax.statistics.granulated import granulated_kendall
from rcjax.statistics.one_measure import (
    FEWEST_SETTINGS,
    Options,
    coefficients,
    flexible_residuals,
    information_undefined,
    why_undefined,
)

PREDICTORS = 1000
_FEWER = 250  # of what takes long for each
# Some statistics look at all pairs of settings: in large studies of fewer predictors.
_MOST_PAIRS = 50_000_000


def null_statistics(
    outcome: Float[np.ndarray, "settings runs"], design: Design, options: Options
) -> MeasureStatistics:
    """Statistics of predictors that know nothing: independent normal numbers, one per setting.

    Args:
        outcome: of every run, NaN where unknown.
        design: of the settings.
        options: of the intervals.

    Returns:
        As values the means over 1000 predictors, as intervals their central part; `runs` is the
        number of predictors. For the conditional mutual information and the flexible regression
        they are 250 or fewer.
    """
    means = average(outcome)
    known = np.isfinite(means)
    y, design = means[known], design.kept(known)
    if len(y) < FEWEST_SETTINGS:
        return undefined(design, PREDICTORS, Undefined.FEW_SETTINGS)
    if np.ptp(y) == 0:
        return undefined(design, PREDICTORS, Undefined.CONSTANT_OUTCOME)
    generator = np.random.default_rng([options.seed, 1])
    predictors = min(PREDICTORS, max(100, 4 * _MOST_PAIRS // len(y) ** 2))
    x = generator.standard_normal((predictors, len(y)))
    values = coefficients(x, y, design)
    values["partial_correlation_flexible"] = pearson(
        *flexible_residuals(x[:_FEWER], y[None], design)
    )
    information = Estimate(undefined=information_undefined(design))
    if information.undefined is None:
        pairs = len(y) ** 2 * comb(len(design.codes), 2)
        fewer = x[: min(_FEWER, max(20, _MOST_PAIRS // pairs))]
        drawn = conditional_mutual_information(fewer, y, design.codes)
        information = _estimate(drawn, Undefined.NO_PAIRS_IN_CELLS, options)
    along = {
        axis: Estimate(_estimate(psi, Undefined.NO_PAIRS, options).value)
        for axis, psi in granulated_kendall(x, y, design.codes).items()
        if axis != "mean"
    }
    return MeasureStatistics(
        design,
        len(y),
        predictors,
        along=along,
        conditional_mutual_information=information,
        pearson_noise_corrected=Estimate(undefined=Undefined.NOTHING_OVER_SEEDS),
        correlation_over_seeds=Estimate(undefined=Undefined.NOTHING_OVER_SEEDS),
        pearson_minus_trivial=Estimate(undefined=Undefined.NO_TRIVIAL_PREDICTOR),
        **{
            name: _estimate(drawn, why_undefined(name, design), options)
            for name, drawn in values.items()
        },
    )


def _estimate(
    drawn: Float[np.ndarray, " predictors"], why: Undefined, options: Options
) -> Estimate:
    known = drawn[np.isfinite(drawn)]
    if not known.size:
        return Estimate(undefined=why)
    return Estimate(float(known.mean()), percentile_interval(drawn, options.confidence))
