"""How often bootstrap intervals of correlations hold the true value.

Run it: `python benchmarks/bootstrap_coverage.py` (20 seconds).

Simulated studies of 27 settings with 3 runs: a measure and an outcome share a normal signal, the
outcome has normal noise per setting, both have noise per run. The true value is that of 2000
settings. Compared: percentiles of resamples of settings and runs (what rcjax does), percentiles of
resamples of settings alone, and bias-corrected accelerated intervals (Efron 1987) of the former.
"""

import numpy as np
from scipy.stats import norm

from rcjax.statistics import kendall, pearson, spearman
from rcjax.statistics.bootstrap import Resampling, percentile_interval

STUDIES, RESAMPLES, SETTINGS, RUNS, CONFIDENCE = 250, 500, 27, 3, 0.95
SETTING_NOISE = 0.3


def study(random, settings, run_noise):
    signal = random.standard_normal(settings)
    outcome = signal + SETTING_NOISE * random.standard_normal(settings)
    noise = run_noise * random.standard_normal((2, settings, RUNS))
    return signal[:, None] + noise[0], outcome[:, None] + noise[1]


def corrected_interval(coefficient, x, y, drawn):
    """BCa: percentiles shifted by the median bias and the skewness of the jackknife."""
    value = coefficient(x, y)
    below = (drawn < value).mean() + (drawn == value).mean() / 2
    bias = norm.ppf(np.clip(below, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    left_out = np.array([np.delete(np.arange(len(x)), place) for place in range(len(x))])
    jackknife = coefficient(x[left_out], y[left_out])
    deviation = jackknife.mean() - jackknife
    acceleration = (deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5)
    quantile = bias + norm.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return np.quantile(drawn, norm.cdf(bias + quantile / (1 - acceleration * quantile)))


def coverage(coefficient, run_noise, random):
    large = study(random, 2000, run_noise)
    truth = float(coefficient(*(values.mean(axis=1) for values in large)))
    inside = np.zeros(3)
    for _ in range(STUDIES):
        x, y = study(random, SETTINGS, run_noise)
        means = x.mean(axis=1), y.mean(axis=1)
        resampling = Resampling(np.ones(x.shape, bool), RESAMPLES, int(random.integers(2**31)))
        both = coefficient(resampling.averages(x), resampling.averages(y))
        settings_alone = coefficient(*(mean[resampling.settings] for mean in means))
        intervals = (
            percentile_interval(both, CONFIDENCE),
            percentile_interval(settings_alone, CONFIDENCE),
            corrected_interval(coefficient, *means, both),
        )
        inside += [low <= truth <= high for low, high in intervals]
    return truth, 100 * inside / STUDIES


def main():
    random = np.random.default_rng(0)
    print(f"{STUDIES} studies a line; share of {CONFIDENCE:.0%} intervals that hold the true value")
    print("coefficient  run noise  true   settings and runs  settings alone  BCa")
    for run_noise in (0.1, 0.3):
        for coefficient in (pearson, spearman, kendall):
            truth, shares = coverage(coefficient, run_noise, random)
            cells = "".join(f"{share:14.0f} %" for share in shares)
            print(f"{coefficient.__name__:11}  {run_noise:9}  {truth:.3f}{cells}", flush=True)


if __name__ == "__main__":
    main()
