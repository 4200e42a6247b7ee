"""The resolutions of `convergence` are checked before anything is counted."""

import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import compare, convergence, count_regions


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ((), "at least one resolution"),
        (50, "sequence of resolutions, got 50"),
        ("25", "sequence of resolutions, got '25'"),
        ((10, 2.7), "must be an integer, got 2.7"),
        ((10, True), "must be an integer, got True"),
        (np.array([1, 20]), "at least 2 per axis, got 1"),
    ],
)
def test_resolutions_that_are_none_are_refused(points, message):
    def never_called(x):
        raise AssertionError("counted before its arguments were checked")

    with pytest.raises(ValueError, match=message):
        convergence(never_called, np.zeros((2, 2, 3), np.float32), points)


@pytest.mark.slow
def test_grids_on_planes_approach_the_adaptive_count():
    """A disc of radius 0.05 around (0.3, 0.3) is seen by fine grids alone."""

    def disc(x):
        inside = 0.0025 - ((x - 0.3) ** 2).sum(axis=1)
        return jnp.stack([jnp.zeros(len(x)), inside], axis=1)

    plane = np.array([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]], np.float32)
    found = convergence(disc, plane, points=(5, 65))
    assert found.limit.method == "adaptive"
    assert found.share_wrong().tolist() == [1.0, 0.0]
    labels = convergence(lambda x: disc(x).argmax(1), plane, points=(5, 65))
    assert labels.limit is labels.results[-1]
    with pytest.raises(ValueError, match="different anchors: slice 0 has the sizes 0"):
        compare(count_regions(disc, plane), count_regions(disc, 2 * plane))
