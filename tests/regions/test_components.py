"""Components against scipy.ndimage (dimensions 1 to 4) and networkx (dimension 5)."""

import itertools

import jax
import jax.numpy as jnp
import networkx
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from rcjax.regions.components.labelling import count_components, label_components

CONNECTIVITIES = ("full", "face")
# Few shapes, each with axes of length 1 or not, so that little is compiled.
SHAPES = [(9,), (6, 7), (3, 4, 3), (3, 2, 1, 3)]


def scipy_labels(labels, mask, connectivity):
    """Component ids named by their smallest flat index, -1 outside."""
    structure = np.ones((3,) * labels.ndim) if connectivity == "full" else None
    result = np.full(labels.shape, -1)
    index = np.arange(labels.size).reshape(labels.shape)
    for value in np.unique(labels[mask]):
        components, count = scipy.ndimage.label((labels == value) & mask, structure)
        for component in range(1, count + 1):
            result[components == component] = index[components == component].min()
    return result


def networkx_count(labels, mask, connectivity):
    graph = networkx.Graph()
    cells = [cell for cell in np.ndindex(labels.shape) if mask[cell]]
    graph.add_nodes_from(cells)
    steps = [
        step
        for step in itertools.product((-1, 0, 1), repeat=labels.ndim)
        if any(step) and (connectivity == "full" or sum(map(abs, step)) == 1)
    ]
    for cell in cells:
        for step in steps:
            other = tuple(a + b for a, b in zip(cell, step, strict=True))
            if other in graph and labels[other] == labels[cell]:
                graph.add_edge(cell, other)
    return networkx.number_connected_components(graph)


def check_against_scipy(labels, mask, connectivity):
    arguments = {"dim": labels.ndim, "connectivity": connectivity}
    expected = scipy_labels(labels, np.broadcast_to(mask, labels.shape), connectivity)
    np.testing.assert_array_equal(label_components(labels, mask, **arguments), expected)
    count = count_components(labels, mask, **arguments)
    assert count.dtype == jnp.int32
    assert count == len(np.unique(expected[expected >= 0]))


def grids(shape):
    """Labels of one class, of few, or all different, and a mask."""
    few = numpy_strategies.arrays(np.int32, shape, elements=st.integers(-1, 1))
    different = st.permutations(range(int(np.prod(shape)))).map(
        lambda order: np.array(order, np.int32).reshape(shape)
    )
    constant = st.integers(-5, 5).map(lambda value: np.full(shape, value, np.int32))
    mask = st.one_of(st.just(np.ones(shape, bool)), numpy_strategies.arrays(bool, shape))
    return st.tuples(st.one_of(few, few, different, constant), mask)


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_equals_scipy_on_any_grid(shape, connectivity, data):
    labels, mask = data.draw(grids(shape))
    check_against_scipy(labels, mask, connectivity)


@pytest.mark.parametrize("connectivity", ["face", pytest.param("full", marks=pytest.mark.slow)])
def test_equals_networkx_in_five_dimensions_within_a_simplex(connectivity):
    shape = (3,) * 5
    inside = np.indices(shape).sum(0) <= 3
    labels = np.random.default_rng(0).integers(0, 3, (4, *shape))
    counts = count_components(labels, inside, dim=5, connectivity=connectivity)
    assert counts.tolist() == [networkx_count(grid, inside, connectivity) for grid in labels]


def spiral(size):
    """A corridor one cell wide that winds to the middle."""
    grid = np.zeros((size, size), np.int32)
    row, column, (down, right) = 0, -1, (0, 1)
    length = size
    for turn in range(2 * size):
        for _ in range(length):
            row, column = row + down, column + right
            grid[row, column] = 1
        down, right = right, -down
        length -= 2 if turn > 1 and turn % 2 == 0 else (1 if turn == 0 else 0)
        if length <= 0:
            return grid
    return grid


def serpentine(size):
    """Rows joined at alternate ends."""
    grid = np.zeros((size, size), np.int32)
    grid[::2] = 1
    grid[1::4, -1] = 1
    grid[3::4, 0] = 1
    return grid


def comb(size):
    """Teeth that meet in the last row alone."""
    grid = np.zeros((size, size), np.int32)
    grid[:, ::2] = 1
    grid[-1] = 1
    return grid


def staircases(size):
    """Diagonal bands, one cell wide: each joined by corners only, or by faces in zigzag."""
    row, column = np.indices((size, size))
    return ((row + column) // 2 % 2).astype(np.int32)


def winding_corridor(size):
    """A 3-D serpentine: layers of serpentines joined at alternate ends."""
    grid = np.zeros((size, size, size), np.int32)
    grid[::2] = serpentine(size)
    last = (size - 1, -1 if (size - 1) // 2 % 2 == 0 else 0)
    grid[1::4, last[0], last[1]] = 1
    grid[3::4, 0, 0] = 1
    return grid


@pytest.mark.slow
@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
def test_many_turns_are_followed_to_the_end(connectivity):
    shapes = [make(41) for make in (spiral, serpentine, comb, staircases)]
    turned = [np.rot90(grid, turns) for grid in shapes for turns in range(4)]
    everywhere = np.ones((41, 41), bool)
    expected = [scipy_labels(grid, everywhere, connectivity) for grid in turned]
    found = label_components(np.stack(turned), dim=2, connectivity=connectivity)
    np.testing.assert_array_equal(found, expected)
    counts = count_components(np.stack(turned), dim=2, connectivity=connectivity)
    assert counts.tolist() == [len(np.unique(grid)) for grid in expected]
    check_against_scipy(winding_corridor(9), np.ones((9, 9, 9), bool), connectivity)


def test_grids_of_more_cells_than_two_bytes_can_number():
    labels = np.random.default_rng(2).integers(0, 2, (2, 40_000))
    check_count = scipy.ndimage.label(labels == 0)[1] + scipy.ndimage.label(labels == 1)[1]
    assert count_components(labels, dim=2, connectivity="face") == check_count


def test_the_winding_shapes_are_what_they_claim():
    for grid in (spiral(41), serpentine(41), comb(41), winding_corridor(9)):
        assert scipy.ndimage.label(grid)[1] == 1


def random_batch():
    random = np.random.default_rng(1)
    return random.integers(0, 3, (2, 3, 6, 7)), random.random((2, 3, 6, 7)) < 0.8


def test_batch_jit_and_vmap_agree_with_single_grids():
    labels, mask = random_batch()

    def count(labels, mask):
        return count_components(labels, mask, dim=2, connectivity="full")

    singles = [
        [int(count(*pair)) for pair in zip(*row, strict=True)]
        for row in zip(labels, mask, strict=True)
    ]
    assert count(labels, mask).tolist() == singles
    assert jax.jit(count)(labels, mask).tolist() == singles
    assert jax.vmap(jax.vmap(count))(labels, mask).tolist() == singles


def test_neither_class_names_nor_the_order_of_axes_matter():
    labels, mask = random_batch()
    arguments = {"dim": 2, "connectivity": "full"}
    counts = count_components(labels, mask, **arguments).tolist()
    renamed = np.array([-7, 0, 2**30])[labels]
    assert count_components(renamed, mask, **arguments).tolist() == counts
    swapped = count_components(labels.swapaxes(-1, -2), mask.swapaxes(-1, -2), **arguments)
    assert swapped.tolist() == counts
    wide = count_components((labels + 200).astype(np.uint8), mask, **arguments)
    assert wide.tolist() == counts


def test_empty_batches_and_grids_have_no_components():
    assert count_components(np.zeros((0, 4, 4), int), dim=2, connectivity="face").shape == (0,)
    assert (
        count_components(np.zeros((3, 0, 4), int), dim=2, connectivity="face").tolist() == [0] * 3
    )
    nothing_inside = np.zeros((4, 4), bool)
    assert count_components(np.zeros((4, 4), int), nothing_inside, dim=2, connectivity="full") == 0


@pytest.mark.parametrize(
    ("labels", "mask", "dim", "connectivity", "message"),
    [
        (np.zeros((4, 4), int), None, 3, "full", "fewer than dim=3 axes"),
        (np.zeros((4, 4)), None, 2, "full", "must be integers, got float"),
        (np.zeros((4, 4), int), None, 2, "diagonal", "unknown connectivity 'diagonal'"),
        (np.zeros((4, 4), int), None, 0, "full", "dim must be .* got 0"),
        (np.zeros((4, 4), int), np.ones((4, 4), int), 2, "full", "mask must be boolean, got int"),
        (np.zeros((4, 4), int), np.ones((3, 4), bool), 2, "full", "does not broadcast"),
    ],
)
def test_bad_input_is_named_with_its_remedy(labels, mask, dim, connectivity, message):
    for function in (count_components, label_components):
        with pytest.raises(ValueError, match=message):
            function(labels, mask, dim=dim, connectivity=connectivity)


def test_labels_that_32_bits_cannot_hold_stay_apart():
    wide = np.array([[0, 2**32], [2**32, 0]])
    assert int(count_components(wide, dim=2, connectivity="face")) == 4
    assert int(count_components(wide > 0, dim=2, connectivity="full")) == 2
