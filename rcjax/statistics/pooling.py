"""All networks together: one cloud of settings, whatever the network."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rcjax.statistics.averaging import Setting, average, group_settings, run_values
from rcjax.statistics.bootstrap import Resampling, percentile_interval
from rcjax.statistics.correlation import pearson, spearman
from rcjax.statistics.one_measure import FEWEST_SETTINGS, Options, plain
from rcjax.statistics.quantities import OUTCOMES, Quantity, measures_of
from rcjax.statistics.rows import Row

COEFFICIENTS = {"pearson": pearson, "spearman": spearman}


def pooled_statistics(
    rows: Sequence[Row], bootstrap_samples: int, options: Options
) -> dict[str, Any] | None:
    """Pearson and Spearman over the settings of all networks.

    Returns:
        {outcome: {measure: {"settings", "runs", "pearson", "pearson_interval", "spearman",
        "spearman_interval"}}}, None where undefined; None as a whole for a single network.
    """
    networks = list(dict.fromkeys(row.network for row in rows if row.status == "completed"))
    if len(networks) < 2:
        return None
    settings = [
        setting
        for name in networks
        for setting in group_settings([row for row in rows if row.network == name])
    ]
    return {
        outcome: {
            measure: _statistics(settings, quantity, result, bootstrap_samples, options)
            for measure, quantity in measures_of(rows).items()
        }
        for outcome, result in OUTCOMES.items()
    }


def _statistics(
    settings: Sequence[Setting],
    measure: Quantity,
    outcome: Quantity,
    bootstrap_samples: int,
    options: Options,
) -> dict[str, Any]:
    x, y = run_values(settings, measure), run_values(settings, outcome)
    known = np.isfinite(x) & np.isfinite(y)
    kept = known.any(axis=1)
    x, y, known = x[kept], y[kept], known[kept]
    x, y = np.where(known, x, np.nan), np.where(known, y, np.nan)
    result: dict[str, Any] = {"settings": len(x), "runs": int(known.sum())}
    if len(x) < FEWEST_SETTINGS:
        return result | {key: None for n in COEFFICIENTS for key in (n, f"{n}_interval")}
    resampling = Resampling(known, bootstrap_samples, options.seed)
    drawn_x, drawn_y = resampling.averages(x), resampling.averages(y)
    for name, function in COEFFICIENTS.items():
        result[name] = plain(function(average(x), average(y)))
        drawn = function(drawn_x, drawn_y)
        result[f"{name}_interval"] = (
            None if result[name] is None else percentile_interval(drawn, options.confidence)
        )
    return result
