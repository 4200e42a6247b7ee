"""Components against scipy.ndimage (dimensions 1 to 4) and networkx (dimension 5)."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from rcjax.regions.components.labelling import count_components, label_components

# Integers: no bit depends on how they were compiled.
pytestmark = pytest.mark.usefixtures("quick_compilation")

CONNECTIVITIES = ("full", "face")
# Few shapes, and batches of one size, so that little is compiled.
FLAT, SOLID = (6, 7), (3, 4, 3)


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
    import networkx

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


def check_against_scipy(labels, masks, connectivity):
    """Batches of grids, all at once."""
    arguments = {"dim": labels.ndim - 1, "connectivity": connectivity}
    expected = np.stack(
        [scipy_labels(*pair, connectivity) for pair in zip(labels, masks, strict=True)]
    )
    np.testing.assert_array_equal(label_components(labels, masks, **arguments), expected)
    counts = count_components(labels, masks, **arguments)
    assert counts.dtype == jnp.int32
    assert counts.tolist() == [len(np.unique(e[e >= 0])) for e in expected]


def grids(shape):
    """Labels of one class, of few, or all different, with all cells inside, few or none."""
    random, size = np.random.default_rng(0), int(np.prod(shape))
    labels = [
        *(random.integers(-1, classes, (40, *shape)) for classes in (1, 2, 3)),
        [random.permutation(size).reshape(shape) for _ in range(8)],
        [np.full(shape, value) for value in (-5, -1, 0, 5)] * 8,
    ]
    labels = np.concatenate(labels).astype(np.int32)
    inside = random.choice([0.0, 0.5, 0.8, 1.0], len(labels)).reshape(-1, *[1] * len(shape))
    return labels, random.random(labels.shape) < inside


# Counts of grids on slices (test_counting.py) hold the other pairs against scipy as well.
@pytest.mark.parametrize(
    ("shape", "connectivity"),
    [
        ((9,), "full"),
        (FLAT, "full"),
        (FLAT, "face"),
        pytest.param(SOLID, "full", marks=pytest.mark.slow),
        pytest.param(SOLID, "face", marks=pytest.mark.slow),
        pytest.param((3, 2, 1, 3), "full", marks=pytest.mark.slow),
        pytest.param((3, 2, 1, 3), "face", marks=pytest.mark.slow),
    ],
)
def test_equals_scipy_on_any_grid(shape, connectivity):
    check_against_scipy(*grids(shape), connectivity)


@pytest.mark.slow
@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
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
    check_against_scipy(winding_corridor(9)[None], np.ones((1, 9, 9, 9), bool), connectivity)


@pytest.mark.slow
def test_grids_of_more_cells_than_two_bytes_can_number():
    labels = np.random.default_rng(2).integers(0, 2, (2, 40_000))
    check_count = scipy.ndimage.label(labels == 0)[1] + scipy.ndimage.label(labels == 1)[1]
    assert count_components(labels, dim=2, connectivity="face") == check_count


def test_the_winding_shapes_are_what_they_claim():
    for grid in (spiral(41), serpentine(41), comb(41), winding_corridor(9)):
        assert scipy.ndimage.label(grid)[1] == 1


@pytest.mark.slow
def test_batch_jit_and_vmap_agree_with_single_grids():
    random = np.random.default_rng(1)
    labels, mask = random.integers(0, 3, (2, 3, 6, 7)), random.random((2, 3, 6, 7)) < 0.8

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
    labels, mask = grids(SOLID)
    arguments = {"dim": 3, "connectivity": "full"}
    counts = count_components(labels, mask, **arguments).tolist()
    renamed = np.int32(7 - 3 * labels)
    assert count_components(renamed, mask, **arguments).tolist() == counts
    swapped = count_components(labels.swapaxes(1, 3), mask.swapaxes(1, 3), **arguments)
    assert swapped.tolist() == counts
    # Labels that 32 bits cannot hold stay apart.
    wide = count_components(labels.astype(np.int64) * 2**32, mask, **arguments)
    assert wide.tolist() == counts


def test_empty_batches_and_grids_have_no_components():
    assert count_components(np.zeros((0, 4, 4), int), dim=2, connectivity="face").shape == (0,)
    empty = count_components(np.zeros((3, 0, 4), int), dim=2, connectivity="face")
    assert empty.tolist() == [0] * 3


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
