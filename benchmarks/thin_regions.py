"""Are adaptive planes right on regions as thin as the steps of the grid they stand for?

    python benchmarks/thin_regions.py [--planes=200] [--seed=0]

Draws triangles with three affine scores, of which the third leads on a strip or on a wedge between
two half planes, so that every triangle has three regions. Counts them by the adaptive method, by
all 131,841 points and, for the truth, by exact polygons. A minute of processor time.
docs/region_count.md has the result.
"""

import argparse
import itertools
import time

import numpy as np
from measuring import machine

from rcjax import count_regions

STEPS = 512
CORNERS = np.array([[0, 0], [1, 0], [0, 1]])
WIDTHS = (0.3, 1, 2, 5)  # grid steps; of a wedge, half a leg from its tip
OPENINGS = (0.04, 0.6)  # radians


def triangles(kind: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Anchors float32 [count, 3, 3], which are their own scores, and widths [count] in steps."""
    random = np.random.default_rng(seed)
    place = random.dirichlet((3, 3, 3), count)[:, :2]  # in the middle of a strip, tip of a wedge
    angle = random.uniform(0, 2 * np.pi, count)
    slopes = np.exp(random.uniform(np.log(0.3), np.log(3), (2, count)))
    width = np.exp(random.uniform(np.log(WIDTHS[0]), np.log(WIDTHS[-1]), count))
    half_width = width / STEPS / 2
    opening = random.uniform(*OPENINGS, count) / 2  # to each side, as the width
    if kind == "strip":
        opening = np.zeros(count)
    elif kind == "wedge":
        opening = np.arctan(half_width / 0.5)
    inset = half_width if kind == "strip" else np.zeros(count)
    scores = [np.zeros((count, 3))]
    for slope, turned in zip(slopes, (angle - opening, angle + np.pi + opening), strict=True):
        across = np.stack([-np.sin(turned), np.cos(turned)], axis=1)
        inside = np.einsum("ncx,nx->nc", CORNERS - place[:, None], across) + inset[:, None]
        scores.insert(0, -slope[:, None] * inside)
    return np.stack(scores, axis=2).astype(np.float32), width


def report(kind: str, count: int, seed: int) -> None:
    """A row for every range of widths."""
    anchors, width = triangles(kind, count, seed)
    truth = count_regions(lambda x: x, anchors, method="exact").counts
    assert (truth == 3).all(), "a strip or a wedge misses its triangle"
    grid = count_regions(lambda x: x, anchors, points=STEPS + 1).counts
    # One at a time, since a result adds the evaluations of its planes up.
    found = [count_regions(lambda x: x, one[None], method="adaptive") for one in anchors]
    counts = np.concatenate([each.counts for each in found])
    marked = np.concatenate([each.uncertain for each in found])
    wrong = counts != truth
    ranges = [(0, np.inf)] if kind == "open wedge" else itertools.pairwise(WIDTHS)
    for low, high in ranges:
        chosen = (width >= low) & (width < high)
        events = (chosen, wrong, wrong & ~marked, marked & ~wrong, counts != grid, grid != truth)
        cells = [str((event & chosen).sum()) for event in events]
        spent = np.mean([each.evaluations for each in found], where=chosen)
        name = kind if high == np.inf else f"{kind}, {low} to {high} steps"
        print(f"| {name} | {' | '.join(cells)} | {spent:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--planes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(machine())
    columns = (
        "third region", "planes", "adaptive wrong", "wrong, not marked", "right, marked",
        "not as 513 points", "513 points wrong", "evaluations",
    )  # fmt: skip
    print(f"| {' | '.join(columns)} |")
    print("| --- |" + " --- |" * (len(columns) - 1))
    for kind in ("strip", "wedge", "open wedge"):
        report(kind, arguments.planes, arguments.seed)
    print(f"{time.process_time():.0f} s of processor time")


if __name__ == "__main__":
    main()
