"""The resolutions of `convergence` are checked before anything is counted."""

import numpy as np
import pytest

from rcjax import convergence


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
