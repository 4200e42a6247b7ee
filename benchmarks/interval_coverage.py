"""How often the interval of a mean of counts covers it, by simulation. Minutes on one core.

    python benchmarks/interval_coverage.py

Prints, for each distribution of counts and number of slices, the coverage of the 95 % interval of
`RegionCounts.interval`, its mean width over that of the normal interval with known spread, and the
coverage of the percentile bootstrap and of Student's t. Then, for each distribution, half-width and
number of slices before the first look, the coverage of `count_until` and the slices that it took.
"""

import itertools

import numpy as np
from scipy import stats

from rcjax import count_until, on_host
from rcjax.regions.intervals import mean_interval

TRIALS = 1_000
SLICES = (3, 5, 10, 20, 50, 100, 400)
HALF_WIDTHS = (0.5, 0.125)  # asked of `count_until`, in standard deviations of a count
FIRST = (50, 400)  # slices before it looks
POINTS = 257  # on a segment, more than it has regions


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


def stripes(points):
    """Labels that change at every integer."""
    return np.floor(points[:, 0]).astype(int) % 2


def until(draw, mean: float, half_width: float, first: int) -> tuple[float, float]:
    """Coverage of `count_until`, and its mean number of slices."""

    def sampler(key, count):  # segments that cross as many integers as the counts drawn need
        ends = np.stack([np.full(count, 0.5), draw(count) - 0.5], axis=1)
        return ends[:, :, None].astype(np.float32)

    options = {"half_width": half_width, "first": first, "points": POINTS}
    covered, slices = 0, 0
    for _ in range(TRIALS):
        found = count_until(on_host(stripes), sampler, **options)
        low, high = found.interval
        covered += low <= mean + 1e-12 and mean - 1e-12 <= high
        slices += len(found.counts)
    return covered / TRIALS, slices / TRIALS


def fixed_numbers(random: np.random.Generator) -> None:
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


def chosen_numbers(random: np.random.Generator) -> None:
    print("counts           half-width  first  coverage  slices")
    for name, (draw, mean, spread) in _draws(random).items():
        for half, first in itertools.product((share * spread for share in HALF_WIDTHS), FIRST):
            covered, slices = until(draw, mean, half, first)
            print(f"{name:<16} {half:>10.3f} {first:>6} {covered:>9.3f} {slices:>7.0f}", flush=True)


def main() -> None:
    random = np.random.default_rng(0)
    fixed_numbers(random)
    chosen_numbers(random)


if __name__ == "__main__":
    main()
