"""How often the interval of a mean of counts covers it, by simulation. Seconds on one core.

    python benchmarks/interval_coverage.py

Prints, for each distribution of counts and number of slices, the coverage of the 95 % interval of
`RegionCounts.interval`, its mean width over that of the normal interval with known spread, and the
coverage of the percentile bootstrap and of Student's t.
"""

import numpy as np
from scipy import stats

from rcjax.regions.intervals import mean_interval

TRIALS = 1_000
SLICES = (3, 5, 10, 20, 50, 100, 400)


def _draws(random):
    return {
        "1 + Poisson(2)": (lambda n: 1 + random.poisson(2, n), 3.0, 2**0.5),
        "geometric(0.3)": (lambda n: random.geometric(0.3, n), 1 / 0.3, 0.7**0.5 / 0.3),
        "geometric(0.1)": (lambda n: random.geometric(0.1, n), 10.0, 0.9**0.5 / 0.1),
        "island on 1 %": (lambda n: 2 + 2 * (random.random(n) < 0.01), 2.02, 2 * 0.0099**0.5),
        "island on 10 %": (lambda n: 2 + 2 * (random.random(n) < 0.1), 2.2, 0.6),
        "30 on 10 %, 1": (lambda n: np.where(random.random(n) < 0.1, 30, 1), 3.9, 29 * 0.3),
        "21 on 2 %, 1": (lambda n: 1 + 20 * (random.random(n) < 0.02), 1.4, 20 * 0.0196**0.5),
        "2 on 99 %, 1": (lambda n: 1 + (random.random(n) < 0.99), 1.99, 0.0099**0.5),
    }


def _bootstrap(counts, random):
    means = random.choice(counts, (300, len(counts))).mean(axis=1)
    return np.quantile(means, [0.025, 0.975])


def main() -> None:
    random = np.random.default_rng(0)
    print("counts           slices  coverage  width  bootstrap  Student's t")
    for name, (draw, mean, spread) in _draws(random).items():
        for n in SLICES:
            covered, width = np.zeros(3), 0.0
            for _ in range(TRIALS):
                counts = draw(n)
                half = stats.t.ppf(0.975, n - 1) * counts.std(ddof=1) / n**0.5
                ends = (
                    mean_interval(counts, smallest=1),
                    _bootstrap(counts, random),
                    (counts.mean() - half, counts.mean() + half),
                )
                covered += [low <= mean + 1e-12 and mean - 1e-12 <= high for low, high in ends]
                width += ends[0][1] - ends[0][0]
            relative = width / TRIALS / (2 * 1.96 * spread / n**0.5)
            ours, bootstrap, t = covered / TRIALS
            print(f"{name:<16} {n:>6} {ours:>9.3f} {relative:>6.1f} {bootstrap:>10.3f} {t:>12.3f}")


if __name__ == "__main__":
    main()
