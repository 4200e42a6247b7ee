"""How many intervals of equal label on a segment are one region of the whole input space?

    python launch.py --config=configs/digits.py --workdir=runs/digits
    python benchmarks/joined_regions.py runs/digits [--config.FIELD=VALUE ...]

Counts the trained network's regions on the run's segments, and searches a path off the line between
neighbouring intervals of one label. docs/what_the_number_means.md has the result.
"""

import sys

import jax
import numpy as np
from measuring import machine

from rcjax import count_regions, models, slices
from rcjax.config import apply_overrides, load_config, run_config
from rcjax.data import normalize
from rcjax.launch import split_overrides
from rcjax.regions import join_intervals
from rcjax.training import load_finished_run

SEGMENTS = 600
POINTS = 100  # of each segment


def main() -> None:
    (_, folder), overrides = split_overrides(sys.argv)
    config = load_config("digits")
    apply_overrides(config, overrides)
    run = load_finished_run(run_config(config), folder)
    data = run.dataset
    function = models.predictor(
        run.config.network, num_classes=data.num_classes, width=run.config.width or None,
        channels=data.image_shape[-1], image_size=data.image_shape[0],
    )  # fmt: skip
    predict = jax.tree_util.Partial(function, run.state["parameters"], run.state["model_state"])
    images = np.asarray(normalize(data.train_images, data.mean, data.std))
    anchors = slices.between_points(jax.random.key(0), images, count=SEGMENTS)

    result = count_regions(predict, anchors, points=POINTS, boundaries=True)
    print(machine())
    print(result, flush=True)
    found = join_intervals(predict, anchors, result, steps=25)
    print(f"pairs of neighbouring intervals of one label: {len(found.joined)}")
    if not found.joined.any():
        return
    print(f"joined: {found.joined.sum()}, a share of {found.share:.3f}")
    low, middle, high = np.quantile(found.detours[found.joined], [0, 0.5, 1])
    print(f"length over straight distance: median {middle:.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
