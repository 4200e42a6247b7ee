"""The slices of a run: those that all images would give, from the few that they go through."""

import numpy as np
import pytest

from rcjax import slices
from rcjax.data import load, normalize
from rcjax.training import counting
from rcjax.training.state import slices_key

from .small_runs import small_config


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("sampling", ["between_points", "random_directions"])
def test_slices_are_those_drawn_from_all_images_to_the_bit(sampling, split, monkeypatch):
    dataset, count = load("digits"), 40
    dim = 2 if sampling == "between_points" else 1
    images = getattr(dataset, f"{split}_images")
    points, key = normalize(images, dataset.mean, dataset.std), slices_key(7)
    if sampling == "between_points":
        expected = slices.between_points(key, points, count, dim)
    else:
        expected = slices.random_directions(key, points, count, 0.1)
    normalized = []

    def noting(images, mean, std):
        normalized.append(len(images))
        return normalize(images, mean, std)

    monkeypatch.setattr(counting, "normalize", noting)
    names = {"sampling": sampling, "anchors": split, "dim": dim, "slices": count, "length": 0.1}
    regions = small_config(**{f"regions.{name}": value for name, value in names.items()}).regions
    found = counting.sample_slices(dataset, regions, 7)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32
    assert sum(normalized) <= count * (dim + 1)
