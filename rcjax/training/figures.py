"""Gathers what the pictures of a run show, and has them drawn."""

from pathlib import Path
from typing import Any

import numpy as np

from rcjax.training.drawing import plot_learning, plot_region_count, plot_segment
from rcjax.training.state import TrainState

_POSITIONS = 401  # when the config's grid has more than one axis


def draw_figures(record: dict[str, Any], experiment: Any, state: TrainState, folder: Path) -> None:
    """Draws the pictures of a run.

    Args:
        record: as `record.json` holds it.
        experiment: the run's compiled parts; brings the slices.
        state: the trained network.
        folder: receives `loss_and_accuracy.png`, `region_count.png` and, when the run completed,
            `segment.png`. The first two need more than one evaluation, so a run of no epochs has
            none of them.
    """
    folder.mkdir(exist_ok=True)
    if record["config"]["epochs"] > 0:
        plot_learning(record["epochs"], record["history"], folder / "loss_and_accuracy.png")
        plot_region_count(record["history"], folder / "region_count.png")
    if record["status"] != "completed":
        return
    counts = record["region_count"]["counts"]
    chosen = int(np.argmax(counts))
    first, second = experiment.anchors[chosen][:2]
    regions = record["config"]["regions"]
    # The grid that was counted on, so that the picture shows as many regions.
    count = regions["points"] if regions["dim"] == 1 else _POSITIONS
    positions = np.linspace(0.0, 1.0, count, dtype=np.float32)
    weights = positions.reshape(-1, *[1] * first.ndim)
    points = (1 - weights) * first + weights * second
    plot_segment(
        positions,
        np.asarray(experiment.logits(state, points)),
        experiment.to_pixels(points),
        _caption(regions),
        folder / "segment.png",
    )


def _caption(regions: dict[str, Any]) -> str:
    image = {"train": "training image", "test": "test image"}[regions["anchors"]]
    if regions["sampling"] == "random_directions":
        return f"the segment from a {image} in a random direction (no slice has more)"
    if regions["sampling"] == "random_convex_pairs":
        return f"a part of the segment between two {image}s (no slice has more)"
    if regions["dim"] > 1:
        return f"the segment between two {image}s (an edge of the slice with most regions)"
    return f"the segment between two {image}s (no slice has more)"
