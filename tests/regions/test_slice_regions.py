"""The regions that a count keeps, against closed forms and against each other."""

import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions

SEGMENTS = np.array([[[-3.0, 0.0], [1.0, 3.0]], [[0.5, 0.0], [0.5, 2.0]]], np.float32)
CORNERS = np.array([[[0.0, 0, 0], [3.0, 0, 4.0], [0, 2.0, 0]]], np.float32)  # area 5


def one_or_more(x):
    """Scores of two classes: class 1 where |x_0| > 1."""
    return jnp.stack([0 * x[:, 0], jnp.abs(x[:, 0]) - 1], axis=1)


def three_cones(x):
    """Piecewise linear scores of three classes that meet in one point of the plane."""
    return jnp.stack([0.9 - x[:, 1], x[:, 1] - 0.2 * x[:, 0], 0.5 * x[:, 0]], axis=1)


@pytest.mark.parametrize("method", ["grid", "adaptive", "exact"])
def test_regions_of_segments_have_labels_sizes_and_neighbours(method):
    points = 2_001 if method == "grid" else None
    found = count_regions(one_or_more, SEGMENTS, method=method, points=points, regions=True)
    first, second = found.regions
    assert first.labels.tolist() == [1, 0]
    assert second.labels.tolist() == [0]
    np.testing.assert_allclose(first.sizes, [2.5, 2.5], atol=2e-3)
    np.testing.assert_allclose(first.shares, [0.5, 0.5], atol=1e-3)
    assert first.neighbours.tolist() == [[0, 1]]
    assert second.neighbours.shape == (0, 2)
    assert first.entropy == pytest.approx(np.log(2), abs=1e-5)
    assert second.entropy == 0
    assert found.to_dict()["regions"][1]["sizes"] == [2.0]
    assert count_regions(one_or_more, SEGMENTS, method="grid", points=2_001).regions is None


@pytest.mark.parametrize("extent", [(0.0, 1.0), (-0.5, 1.5)])
def test_adaptive_regions_of_planes_are_the_exact_ones(extent):
    exact, mesh = (
        count_regions(three_cones, CORNERS, method=method, extent=extent, regions=True)
        for method in ("exact", "adaptive")
    )
    one, other = exact.regions[0], mesh.regions[0]
    area = 5.0 if extent == (0.0, 1.0) else 40.0
    assert one.sizes.sum() == pytest.approx(area, rel=1e-6)
    assert other.sizes.sum() == pytest.approx(area, rel=1e-6)
    first, second = np.argsort(one.labels), np.argsort(other.labels)
    assert len(one) == 3
    assert (one.labels[first] == other.labels[second]).all()
    # Scores are linear; only triangles that a third label enters without a corner are off.
    np.testing.assert_allclose(one.sizes[first], other.sizes[second], rtol=1e-3)
    np.testing.assert_allclose(one.perimeters[first], other.perimeters[second], rtol=1e-2)
    assert one.neighbours.tolist() == other.neighbours.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert other.entropy == pytest.approx(one.entropy, abs=1e-3)


def test_a_disc_has_its_area_and_rim():
    def disc(x):
        inside = 0.04 - (x[:, 0] - 0.3) ** 2 - (x[:, 1] - 0.3) ** 2
        return jnp.stack([0 * inside, inside], axis=1)

    plane = np.array([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]], np.float32)
    found = count_regions(disc, plane, method="adaptive", regions=True).regions[0]
    inner = int(np.flatnonzero(found.labels == 1)[0])
    assert found.sizes[inner] == pytest.approx(np.pi * 0.04, rel=0.01)
    assert found.perimeters[inner] == pytest.approx(2 * np.pi * 0.2, rel=0.01)
    assert found.perimeters[1 - inner] - found.perimeters[inner] == pytest.approx(2 + 2**0.5)


@pytest.mark.parametrize("dim", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_regions_of_grids_share_the_slice_by_points(dim):
    anchors = np.concatenate([np.zeros((1, dim)), 2 * np.eye(dim)])[None].astype(np.float32)
    found = count_regions(
        lambda x: (x[:, 0] > 1).astype(int), anchors, points=41, regions=True
    ).regions[0]
    size = 2.0**dim / (2 if dim == 2 else 6)
    assert found.sizes.sum() == pytest.approx(size)
    # The corner beyond the middle is the simplex at half its size.
    assert found.shares[found.labels == 1][0] == pytest.approx(0.5**dim, abs=0.03)
    assert found.neighbours.tolist() == [[0, 1]]


def test_many_networks_have_no_regions():
    with pytest.raises(ValueError, match="regions=True is not for many networks"):
        count_regions(lambda p, x: x * p, SEGMENTS, parameters=np.ones(2), regions=True)
