"""How often the intervals of `agreement` cover, by drawing slices from known populations.

    python benchmarks/agreement_coverage.py

A population gives each slice what two networks have in common on it and in all: a share of its
points and 1, or boundaries of both and of either. Most are made up; that of two networks trained on
digits is 4,000 segments between training images. Prints, for each number of slices, the coverage of
the 95 % interval, its mean width, and how often no slice had a boundary. A minute on one core.
"""

from typing import TypeAlias

import jax
import numpy as np
from measuring import machine
from plane_agreement import FAMILIES, network_of

from rcjax import agreement, count_regions, slices
from rcjax.regions.intervals import ratio_interval

TRIALS = 1_000
SLICES = (5, 20, 100)
SIZE = 100_000
SEGMENTS = 4_000
POINTS = 1_025  # of a segment, the default of `agreement`

Population: TypeAlias = tuple[np.ndarray, np.ndarray]  # common and total [slices]


def shares(random: np.random.Generator) -> dict[str, Population]:
    """Shares of slices on which two networks predict alike."""
    rare, half = (random.random(SIZE) < chance for chance in (0.02, 0.5))
    tenth, uniform = random.random(SIZE) < 0.1, random.random(SIZE)
    found = {
        "share: beta(8, 2)": random.beta(8, 2, SIZE),
        "share: uniform": uniform,
        "share: 1, on 10 % uniform": np.where(tenth, uniform, 1),
        "share: 1, on 2 % one half": np.where(rare, 0.5, 1),
        "share: 1, on 2 % nothing": np.where(rare, 0, 1),
        "share: 0.9, on 10 % 0.1": np.where(tenth, 0.1, 0.9),
        "share: all or nothing": half.astype(float),
    }
    return {name: (values, np.ones(SIZE)) for name, values in found.items()}


def overlaps(random: np.random.Generator) -> dict[str, Population]:
    """Boundaries in common, of all boundaries."""
    poisson, geometric = random.poisson(2, SIZE), random.geometric(0.3, SIZE) - 1
    few, own = random.poisson(0.2, SIZE), random.beta(0.5, 0.5, SIZE)
    found = {
        f"overlap {p:.2f}: Poisson(2)": (random.binomial(poisson, p), poisson)
        for p in (0.05, 0.5, 0.95)
    }
    found |= {
        f"overlap {p:.2f}: geometric(0.3) - 1": (random.binomial(geometric, p), geometric)
        for p in (0.05, 0.5, 0.95)
    }
    found["overlap of its own: geometric(0.3) - 1"] = random.binomial(geometric, own), geometric
    found["overlap 0.30: Poisson(0.2)"] = random.binomial(few, 0.3), few
    for chance in (0.1, 0.02):
        crowded = random.random(SIZE) < chance
        total = np.where(crowded, 20, random.poisson(1, SIZE))
        common = np.where(crowded, 0, random.binomial(total, 0.8))
        found[f"overlap 0.80: Poisson(1); 20 apart on {chance:.0%}"] = common, total
    return found


def trained() -> dict[str, Population]:
    """Two perceptrons trained on digits from other weights, on segments between images."""
    (first, images, _), (second, _, _) = (
        network_of(FAMILIES["digits, perceptron"], index, seed=300) for index in (0, 4)
    )
    anchors = slices.between_points(jax.random.key(300), images, count=SEGMENTS)
    options = {"points": POINTS, "boundaries": True}
    where = [count_regions(predict, anchors, **options).boundaries for predict in (first, second)]
    pairs = list(zip(*where, strict=True))
    common = np.array([len(np.intersect1d(*pair)) for pair in pairs])
    total = np.array([len(np.union1d(*pair)) for pair in pairs])
    alike = agreement(first, second, anchors)
    return {
        "share: two trained networks": (alike.shares, np.ones(SEGMENTS)),
        "overlap: two trained networks": (common, total),
    }


def coverage(
    population: Population, count: int, random: np.random.Generator
) -> tuple[float, float, float]:
    """Coverage and mean width of the intervals, and the share of draws without any boundary."""
    common, total = population
    truth = common.sum() / total.sum()
    covered, widths = [], []
    for _ in range(TRIALS):
        chosen = random.integers(0, len(total), count)
        ratio, (low, high) = ratio_interval(common[chosen], total[chosen])
        if not np.isnan(ratio):
            covered.append(low - 1e-12 <= truth <= high + 1e-12)
            widths.append(high - low)
    return float(np.mean(covered)), float(np.mean(widths)), 1 - len(covered) / TRIALS


def main() -> None:
    print(machine())
    random = np.random.default_rng(0)
    print(f"{'population':<42}  true slices coverage  width  without any boundary")
    for name, population in (shares(random) | overlaps(random) | trained()).items():
        truth = population[0].sum() / population[1].sum()
        for count in SLICES:
            covered, width, empty = coverage(population, count, random)
            print(f"{name:<42} {truth:.3f} {count:>6} {covered:>8.3f} {width:>6.2f} {empty:>6.3f}")


if __name__ == "__main__":
    main()
