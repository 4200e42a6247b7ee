"""Pictures of slices: right geometry, for every kind of classifier."""

import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import on_host
from rcjax.plotting.slices import Plane, draw_slice, region_edges
from rcjax.regions.slice_values import slice_values

ANCHORS = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)


def waves(points):
    return jnp.sin(points.reshape(len(points), -1)[:, :3] * 4)


def test_a_plane_keeps_distances_and_holds_its_anchors():
    plane = Plane(ANCHORS, 0.2)
    flat = ANCHORS.reshape(3, -1).astype(float)
    between = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    drawn = np.linalg.norm(plane.corners[:, None] - plane.corners[None], axis=2)
    np.testing.assert_allclose(drawn, between, rtol=1e-6)
    assert (plane.low < plane.corners).all()
    assert (plane.corners < plane.high).all()
    # The anchors themselves are where the frame's own coordinates say.
    share = (plane.corners - plane.low) / (plane.high - plane.low)
    frame = plane.frame.reshape(3, -1)
    points = frame[0] + share @ (frame[1:] - frame[0])
    np.testing.assert_allclose(points, flat, atol=1e-6)


def test_values_are_those_of_the_classifier():
    values = slice_values(waves, ANCHORS, points=7, extent=(0, 1))
    point = ANCHORS[0] + values.axis[2] * (ANCHORS[1] - ANCHORS[0])
    point = point + values.axis[5] * (ANCHORS[2] - ANCHORS[0])
    expected = np.sin(point.reshape(-1)[:3] * 4)
    np.testing.assert_allclose(values.scores[2, 5], expected, atol=1e-4)
    assert values.labels[2, 5] == expected.argmax()


def test_edges_separate_different_labels_only():
    labels = np.array([[0, 0, 1], [0, 2, 1]])
    edges = region_edges(labels)
    middles = sorted(map(tuple, edges.mean(axis=1)))
    assert middles == [(0, 1.5), (0.5, 1), (1, 0.5), (1, 1.5)]
    np.testing.assert_allclose(np.abs(edges[:, 1] - edges[:, 0]).sum(axis=1), 1)


@pytest.mark.parametrize("predict", [waves, on_host(lambda x: x[:, 0, 0] > 0)])
@pytest.mark.parametrize("count", [2, 3])
def test_pictures_are_written(tmp_path, predict, count):
    path = tmp_path / "slice.png"
    draw_slice(predict, ANCHORS[:count], points=20, path=path, margin=0.1)
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_bad_anchors_are_refused():
    with pytest.raises(ValueError, match=r"got \(1, 4, 5\)"):
        draw_slice(waves, ANCHORS[:1])
    with pytest.raises(ValueError, match="on one line"):
        draw_slice(waves, np.arange(9.0).reshape(3, 3))
