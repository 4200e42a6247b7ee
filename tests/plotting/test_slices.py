"""Pictures of slices: right geometry, for every kind of classifier."""

import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import on_host
from rcjax.plotting import draw_slice
from rcjax.plotting.planes import margins_of_label, plane_of_distances, region_edges
from rcjax.regions.slice_values import slice_values

ANCHORS = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)


def waves(points):
    return jnp.sin(points.reshape(len(points), -1)[:, :3] * 4)


def test_a_plane_keeps_distances_and_holds_its_anchors():
    plane = plane_of_distances(ANCHORS, 0.2)
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


def quadrants(x):
    names = np.asarray([["low", "left"], ["right", "high"]])
    return names[(x[:, 0] > 40).astype(int), (x[:, 1] > 0.4).astype(int)]


CORNERS = np.asarray([[10.0, 0.0], [100.0, 0.1], [0.0, 1.0]])


def test_two_features_are_the_axes_of_their_picture():
    from matplotlib.colors import to_hex

    data = np.asarray([[20.0, 0.2], [90.0, 0.9]])
    figure = draw_slice(
        on_host(quadrants), CORNERS, points=30, feature_names=["age", "dose"], title="Patients",
        data=data, data_labels=["low", "high"],
    )  # fmt: skip
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("age", "dose")
    assert axes.get_title() == "Patients"
    anchors, points = (each.get_offsets() for each in axes.collections[-2:])
    np.testing.assert_array_equal(anchors, CORNERS)
    np.testing.assert_array_equal(points, data)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    colours = [to_hex(patch.get_facecolor()) for patch in axes.get_legend().get_patches()]
    drawn = [to_hex(colour) for colour in axes.collections[-1].get_facecolors()]
    assert drawn == [colours[names.index(label)] for label in ("low", "high")]
    # A cell of the picture has the label of its middle.
    left, right, bottom, top = axes.images[0].get_extent()
    cells = axes.images[0].get_array()
    x, y = (np.linspace(a, b, 61)[1::2] for a, b in ((left, right), (bottom, top)))
    expected = quadrants(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(30, 30)
    assert (np.asarray(names)[np.asarray(cells)] == expected).all()


def test_pictures_are_drawn_into_axes_that_are_given():
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert draw_slice(waves, ANCHORS, points=10, ax=left) is left
    assert draw_slice(waves, ANCHORS[:2], points=10, ax=right, title="mine") is right
    assert left.images
    assert right.lines
    assert right.get_title() == "mine"


def test_a_notebook_shows_a_picture_once():
    from matplotlib import pyplot

    figure = draw_slice(waves, ANCHORS[:2], points=10)
    assert figure._repr_png_()[:4] == b"\x89PNG"
    assert pyplot.get_fignums() == []


def test_the_outline_of_a_label_runs_between_it_and_the_others():
    scores = np.random.default_rng(0).normal(size=(6, 5, 4))
    scores[0, 0] = [1, 1, 0, 0]  # a tie goes to the first
    scores[1, 1] = [-np.inf, np.inf, np.inf, 0]
    labels = scores.argmax(axis=-1)
    for label in range(4):
        margins = margins_of_label(scores, labels, label)
        np.testing.assert_array_equal(margins > 0, labels == label)
        assert np.isfinite(margins).all()
        assert margins.all()


@pytest.mark.parametrize(
    ("anchors", "options", "message"),
    [
        (ANCHORS, {"data": np.zeros((3, 2))}, r"data is for a plane of two .* got \(3, 4, 5\)"),
        (CORNERS[:2], {"feature_names": "ab"}, "feature_names is for a plane"),
        (CORNERS, {"feature_names": "ab"}, "must be two names, got 'ab'"),
        (CORNERS, {"data": np.zeros((3, 3))}, r"data must have shape \[n, 2\], got \(3, 3\)"),
        (CORNERS, {"data": CORNERS, "data_labels": [1]}, r"got shape \(1,\) for 3 points"),
        (CORNERS, {"data_labels": [1]}, "for None points"),
        (CORNERS, {"data": CORNERS, "data_labels": ["x", "y", "z"]}, "holds 'x', which the"),
        (np.eye(3)[:, :2] * [1, 0], {}, "one feature in common"),
    ],
)
def test_what_no_picture_shows_is_refused(anchors, options, message):
    with pytest.raises(ValueError, match=message):
        draw_slice(on_host(quadrants), anchors, points=9, **options)


def test_bad_anchors_are_refused():
    with pytest.raises(ValueError, match=r"got \(1, 4, 5\)"):
        draw_slice(waves, ANCHORS[:1])
    with pytest.raises(ValueError, match="on one line"):
        draw_slice(waves, np.arange(9.0).reshape(3, 3))


@pytest.mark.parametrize("method", ["adaptive", "exact"])
def test_a_plane_is_drawn_by_its_true_edges(method, tmp_path):
    """The colour of a pixel is that of its label; the file holds shapes, no raster."""
    figure = draw_slice(
        lambda x: jnp.stack([x[:, 0] - 0.5, 0 * x[:, 0]], axis=1),
        np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32),
        method=method,
        margin=0.0,
        path=tmp_path / "plane.svg",
    )
    assert "<image" not in (tmp_path / "plane.svg").read_text()
    first, second, edges = figure.axes[0].collections[:3]
    xs = [np.concatenate([p.vertices for p in c.get_paths()])[:, 0] for c in (first, second)]
    assert sorted((float(x.min()), float(x.max())) for x in xs) == [
        pytest.approx((0, 0.5), abs=1e-6),
        pytest.approx((0.5, 1), abs=1e-6),
    ]
    assert np.concatenate(edges.get_segments())[:, 0] == pytest.approx(0.5, abs=1e-6)


def test_methods_without_a_plane_are_refused():
    with pytest.raises(ValueError, match="draws planes"):
        draw_slice(lambda x: x, np.zeros((2, 2)), method="exact")
    with pytest.raises(ValueError, match="method must be"):
        draw_slice(lambda x: x, np.zeros((3, 2)), method="mesh")
