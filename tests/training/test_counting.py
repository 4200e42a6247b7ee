"""The slices of a run: those that all images would give, from the few that they go through."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest

from rcjax import slices
from rcjax.data import load, normalize
from rcjax.training.counting import sample_slices
from rcjax.training.state import slices_key

from .small_runs import small_run

SAMPLERS = {
    "between_points": lambda key, points: slices.between_points(key, points, 40, 2),
    "random_directions": lambda key, points: slices.random_directions(key, points, 40, 0.1),
    "random_convex_pairs": lambda key, points: slices.random_convex_pairs(key, points, 40),
}


class Noting(np.ndarray):
    """An array that notes how many rows are taken from it."""

    taken: ClassVar[list[int]] = []

    def __getitem__(self, index):
        self.taken.append(len(index))
        return np.asarray(super().__getitem__(index))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("sampling", SAMPLERS)
def test_slices_are_those_drawn_from_all_images_to_the_bit(sampling, split):
    dataset = load("digits")
    images = getattr(dataset, f"{split}_images")
    points = normalize(images, dataset.mean, dataset.std)
    expected = SAMPLERS[sampling](slices_key(7), points)
    dim = 2 if sampling == "between_points" else 1
    names = {"sampling": sampling, "anchors": split, "dim": dim, "slices": 40, "length": 0.1}
    regions = small_run(**{f"regions.{name}": value for name, value in names.items()}).regions
    noting = dataclasses.replace(dataset, **{f"{split}_images": images.view(Noting)})
    Noting.taken.clear()
    found = sample_slices(noting, regions, 7)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32
    assert sum(Noting.taken) <= 40 * (dim + 1)
