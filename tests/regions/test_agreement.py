"""The agreement of two networks against closed forms for linear classifiers."""

import numpy as np
import pytest

from rcjax import agreement, on_host

CORNERS = np.array([[[0.0, 0], [1, 0], [0, 1]]], np.float32)


def above(axis, threshold):
    return lambda x: (x[:, axis] > threshold).astype(int)


def corner(x):
    """Class 1 where the first feature is above and the second below a threshold."""
    return ((x[:, 0] > 0.5) & (x[:, 1] < 0.25)).astype(int)


def test_two_thresholds_agree_outside_of_what_lies_between_them():
    ends = np.array([[[0.0], [1.0]], [[0.0], [2.0]], [[-1.0], [0.5]]], np.float32)
    found = agreement(above(0, 0.2), above(0, 0.6), ends, points=2_001)
    np.testing.assert_allclose(found.shares, [0.6, 0.8, 0.8], atol=1e-3)
    assert found.mean == pytest.approx(2.2 / 3, abs=1e-3)
    assert found.interval[0] < found.mean < found.interval[1]
    assert found.overlap == 0
    assert found.overlap_interval[1] > 0
    assert found.evaluations == 2 * 3 * 2_001


def test_planes_agree_by_area_and_share_boundaries_by_length():
    crossed = agreement(above(0, 0.5), above(1, 0.5), CORNERS, points=201)
    assert crossed.mean == pytest.approx(0.5, abs=0.01)
    # x = 0.5 below 0.25 is a boundary of both, x = 0.5 above it and y = 0.25 are of one.
    shared = agreement(above(0, 0.502), lambda x: corner(x - 0.002), CORNERS, points=201)
    assert shared.overlap == pytest.approx(1 / 3, abs=0.01)


def test_a_network_agrees_with_itself_and_no_interval_is_empty():
    many = np.repeat(CORNERS, 20, axis=0)
    found = agreement(above(0, 0.5), above(0, 0.5), many, points=9)
    assert found.mean == found.overlap == 1
    assert 0.7 < found.interval[0] < 1 == found.interval[1]
    assert np.isnan(agreement(above(0, 9), above(0, 9), many, points=9).overlap)


def test_labels_of_other_names_are_refused():
    one, other = (on_host(lambda x, n=n: np.where(x[:, 0] > 0.5, *n)) for n in ("ab", "cd"))
    with pytest.raises(ValueError, match="name their labels differently"):
        agreement(one, other, CORNERS, points=5)
