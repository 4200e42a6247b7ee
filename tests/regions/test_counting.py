"""count_regions on the grid: known answers, independent oracles, invariances, bad input."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from flax import nnx

from rcjax import count_regions, on_host, slices
from rcjax.regions import request
from rcjax.regions.classifier import evaluator


def segments(count: int = 30, seed: int = 0, features: int = 2) -> jax.Array:
    points = np.random.default_rng(seed).normal(size=(60, features)).astype(np.float32)
    return slices.between_points(jax.random.key(seed), points, count=count)


def waves(points):
    """A classifier of three classes with many regions."""
    weights = np.random.default_rng(5).normal(size=(2, 3)).astype(np.float32)
    return jnp.sin(6 * points @ weights)


def counted_plainly(anchors, points, extent, simplex, structure_rank):
    """Float64 numpy and scipy, one slice and one class at a time."""
    weights = np.random.default_rng(5).normal(size=(2, 3)).astype(np.float32)
    counts = []
    for anchor in np.asarray(anchors, np.float64):
        dim = len(anchor) - 1
        axis = np.linspace(*extent, points)
        grid = np.full((points,) * dim, -1)
        for cell in itertools.product(range(points), repeat=dim):
            if simplex and sum(cell) > points - 1:
                continue
            point = anchor[0] + sum(
                axis[i] * (a - anchor[0]) for i, a in zip(cell, anchor[1:], strict=True)
            )
            grid[cell] = np.argmax(np.sin(6 * point @ weights))
        structure = scipy.ndimage.generate_binary_structure(dim, structure_rank(dim))
        counts.append(sum(scipy.ndimage.label(grid == c, structure)[1] for c in range(3)))
    return counts


def drawn(dim, per_axis, extent):
    """Anchors of four slices, and their counts by numpy and scipy."""
    points = np.random.default_rng(dim).normal(size=(20, 2)).astype(np.float32)
    anchors = slices.between_points(jax.random.key(dim), points, count=4, dim=dim)
    simplex = extent == (0, 1)
    structure_rank = (lambda d: d) if simplex else (lambda d: 1)
    return anchors, counted_plainly(anchors, per_axis, extent, simplex, structure_rank)


# The defaults are those of the paper but for a connectivity that converges.
@pytest.mark.parametrize(
    ("dim", "per_axis", "evaluations"),
    [
        (1, 200, 200),
        (2, 10, 55),
        (3, 5, 35),
        pytest.param(4, 5, 70, marks=pytest.mark.slow),
        pytest.param(5, 5, 126, marks=pytest.mark.slow),
    ],
)
def test_counts_by_default_equal_a_plain_float64_count(dim, per_axis, evaluations):
    anchors, expected = drawn(dim, per_axis, (0, 1))
    result = count_regions(waves, anchors)
    np.testing.assert_array_equal(result.counts, expected)
    assert result.counts.dtype == np.int32
    assert (result.points, result.connectivity) == (per_axis, "full")
    assert result.evaluations == 4 * evaluations


@pytest.mark.parametrize(
    ("dim", "per_axis"),
    [(1, 200), (2, 12), (3, 6), pytest.param(4, 4, marks=pytest.mark.slow), (5, 4)],
)
def test_counts_of_faces_equal_a_plain_float64_count(dim, per_axis):
    extent = (-0.5, 1.5)
    anchors, expected = drawn(dim, per_axis, extent)
    result = count_regions(waves, anchors, points=per_axis, extent=extent, connectivity="face")
    np.testing.assert_array_equal(result.counts, expected)


def test_half_space_and_class_zero():
    anchors = jnp.asarray([[[-1.0], [1.0]], [[1.0], [2.0]], [[-2.0], [-1.0]]])
    result = count_regions(lambda x: (x[:, 0] > 0).astype(jnp.int32), anchors, boundaries=True)
    assert result.counts.tolist() == [2, 1, 1]
    np.testing.assert_allclose(result.boundaries[0], [0.5], atol=0.003)
    assert [labels.tolist() for labels in result.region_labels] == [[0, 1], [1], [0]]
    np.testing.assert_allclose(result.first_boundary, [1.0, np.inf, np.inf], atol=0.01)


@pytest.mark.parametrize(("order", "seed"), [([1, 2, 0], 3), ([2, 1, 0], 70)])
def test_relabelling_and_reversal_change_nothing(order, seed):
    anchors = segments(6, seed)
    counts = count_regions(waves, anchors).counts
    order = jnp.asarray(order)
    relabelled = count_regions(lambda x: order[jnp.argmax(waves(x), axis=1)] - 1, anchors)
    np.testing.assert_array_equal(relabelled.counts, counts)
    np.testing.assert_array_equal(count_regions(waves, anchors[:, ::-1]).counts, counts)


def test_batch_size_and_laziness_change_nothing():
    anchors = segments(9)
    expected = count_regions(waves, anchors)
    for size in (7, 199, 100_000):
        result = count_regions(waves, anchors, batch_size=size)
        np.testing.assert_array_equal(result.counts, expected.counts)
        assert result.evaluations == 9 * 200
    points = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    lazy = slices.between_points(jax.random.key(0), points, count=9, lazy=True)
    np.testing.assert_array_equal(count_regions(waves, lazy, batch_size=3).counts, expected.counts)


def test_every_device_count_gives_the_same_counts(on_four_devices):
    program = """
        import jax, numpy as np, jax.numpy as jnp
        from rcjax import count_regions, slices
        assert len(jax.local_devices()) == 4
        weights = np.random.default_rng(5).normal(size=(2, 3)).astype(np.float32)
        predict = jax.tree_util.Partial(lambda w, x: jnp.sin(6 * x @ w), weights)
        points = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
        for method in ("grid", "adaptive"):
            anchors = slices.between_points(jax.random.key(0), points, count=37)
            both = [count_regions(predict, anchors, method=method, batch_size=101, devices=d)
                    for d in (None, jax.local_devices()[:1])]
            np.testing.assert_array_equal(both[0].counts, both[1].counts)
            assert both[0].evaluations == both[1].evaluations
    """
    on_four_devices(program)


def test_a_network_is_compiled_once_for_all_its_arrays():
    anchors = segments(5)
    before = None
    for seed in range(3):
        weights = jnp.asarray(np.random.default_rng(seed).normal(size=(2, 3)), jnp.float32)
        partial = count_regions(
            jax.tree_util.Partial(lambda w, x: jnp.sin(6 * x @ w), weights), anchors
        )
        closure = count_regions(lambda x, w=weights: jnp.sin(6 * x @ w), anchors)
        np.testing.assert_array_equal(partial.counts, closure.counts)
        compiled = evaluator._step._cache_size()
        before = before or compiled
    assert compiled == before


def test_a_closure_over_retrained_arrays_counts_the_new_network():
    anchors, box = segments(20), {"shift": jnp.float32(0.0)}

    def predict(points):
        return jnp.floor(points[:, 0] * 3 * box["shift"]).astype(jnp.int32)

    bound = jax.tree_util.Partial(predict)
    assert count_regions(predict, anchors).mean == count_regions(bound, anchors).mean == 1
    box["shift"] = jnp.float32(1.0)
    assert count_regions(predict, anchors).mean == count_regions(bound, anchors).mean > 1


def test_memory_running_out_halves_the_batch_and_says_so(monkeypatch):
    anchors, real = segments(8), evaluator._step
    expected = count_regions(waves, anchors).counts

    def step(arrays, block, index, weight, **options):
        if len(index) > 64:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating")
        return real(arrays, block, index, weight, **options)

    monkeypatch.setattr(evaluator, "_step", step)
    with pytest.warns(UserWarning, match="batch_size=") as warned:
        counts = count_regions(waves, anchors, batch_size=400).counts
    assert [str(w.message).rsplit("=")[-1] for w in warned] == ["200", "100", "50"]
    np.testing.assert_array_equal(counts, expected)

    def broken(*arguments, **options):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    monkeypatch.setattr(evaluator, "_step", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        count_regions(waves, anchors)


def test_a_network_in_training_mode_is_refused():
    network = nnx.Sequential(nnx.Linear(2, 8, rngs=nnx.Rngs(0)), nnx.BatchNorm(8, rngs=nnx.Rngs(0)))
    for predict in (network, lambda x: network(x), network.__call__):
        network.train()
        with pytest.raises(ValueError, match=r"model.eval\(\)"):
            count_regions(predict, segments(3))
        network.eval()
        assert count_regions(predict, segments(3)).mean >= 1


def test_one_device_can_be_chosen():
    device = jax.local_devices()[0]
    assert count_regions(waves, segments(3), devices=[device]).mean > 1


def test_progress_reaches_the_total():
    seen = []
    count_regions(waves, segments(9), batch_size=100, progress=lambda *at: seen.append(at))
    assert seen[-1] == (9, 9)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) >= 9 * 200 // 100


def test_memory_is_bounded_whatever_the_number_of_slices(monkeypatch):
    sizes = []
    real = request.read_block

    def read(anchors, start, stop, dtype):
        sizes.append(stop - start)
        return real(anchors, start, stop, dtype)

    monkeypatch.setattr(request, "read_block", read)
    points = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    lazy = slices.between_points(jax.random.key(0), points, count=1_000, lazy=True)
    count_regions(waves, lazy, points=5, batch_size=32)
    assert sum(sizes) == 1_000
    assert max(sizes) <= 4 * 32


GOOD = np.zeros((3, 2, 4), np.float32)
PLANES = np.zeros((3, 3, 4), np.float32)


def scores_of(value):
    return lambda x: jnp.full((x.shape[0], 3), value)


@pytest.mark.parametrize(
    ("predict", "anchors", "options", "message"),
    [
        (
            waves,
            np.zeros((3, 4), np.float32),
            {},
            r"\[slices, dim \+ 1, \*features\], got \(3, 4\)",
        ),
        (waves, np.zeros((3, 1, 4), np.float32), {}, "2 to 6 anchors .* got 1"),
        (waves, np.zeros((3, 7, 4), np.float32), {}, "2 to 6 anchors .* got 7"),
        (waves, np.zeros((0, 2, 4), np.float32), {}, r"empty: their shape is \(0, 2, 4\)"),
        (waves, np.full((3, 2, 2), np.nan, np.float32), {}, "slice 0 holds NaN"),
        (waves, np.array([[["a", "b"]] * 2]), {}, "must be real numbers"),
        (scores_of(0.0), GOOD, {"points": 1}, "at least 2 per axis, got 1"),
        (scores_of(0.0), GOOD, {"points": 2.5}, "must be an integer, got 2.5"),
        (scores_of(0.0), GOOD, {"extent": (1, 0)}, r"low < high, got \(1.0, 0.0\)"),
        (scores_of(0.0), GOOD, {"extent": 3}, "pair"),
        (scores_of(0.0), GOOD, {"method": "magic"}, "grid, adaptive, exact; got 'magic'"),
        (scores_of(0.0), GOOD, {"connectivity": "8"}, "full, face; got '8'"),
        (scores_of(0.0), GOOD, {"precision": "half"}, "float32, mixed; got 'half'"),
        (scores_of(0.0), GOOD, {"batch_size": 0}, "positive integer or None, got 0"),
        (scores_of(0.0), GOOD, {"budget": 9}, "method='exact'"),
        (scores_of(0.0), GOOD, {"progress": 3}, "True, False or a function"),
        (scores_of(0.0), GOOD, {"devices": []}, "devices is empty"),
        (scores_of(0.0), GOOD, {"devices": 1}, "must be a list"),
        (waves, GOOD, {}, r"failed on points \[n, 4\]"),
        (scores_of(0.0), np.zeros((3, 4, 4)), {"method": "adaptive"}, "got 4 anchors"),
        (scores_of(0.0), PLANES, {"method": "adaptive", "points": 100}, "power of two plus 1"),
        (scores_of(0.0), PLANES, {"method": "adaptive", "connectivity": "face"}, "'full'"),
        (lambda x: jnp.int32(x[:, 0] > 0), PLANES, {"method": "adaptive"}, "needs scores"),
        (on_host(lambda x: x[:, 0] > 0), PLANES, {"method": "adaptive"}, "needs scores"),
        (scores_of(0.0), np.zeros((3, 3, 4)), {"boundaries": True}, "needs segments"),
        (on_host(len), GOOD, {"method": "exact"}, "method='adaptive'"),
        (scores_of(np.nan), GOOD, {}, "NaN"),
        (lambda x: x[:, 0], GOOD, {}, "not labels"),
        (lambda x: x[:, :1], GOOD, {}, r"one column has no maximum"),
        (lambda x: x[:2], GOOD, {}, r"returned shape \(2, 4\)"),
        (lambda x: (x, x), GOOD, {}, "one array"),
        (lambda x: np.asarray(x), GOOD, {}, "on_host"),
        (lambda x: x.astype(complex), GOOD, {}, "real numbers"),
        ("network", GOOD, {}, "must be a function .* got 'network'"),
    ],
)
def test_bad_input_says_what_is_wrong_and_how_to_mend_it(predict, anchors, options, message):
    with pytest.raises(ValueError, match=message):
        count_regions(predict, anchors, **options)


@pytest.mark.parametrize("method", ["grid", "adaptive", "exact"])
@pytest.mark.parametrize("setting", [jax.transfer_guard, jax.disable_jit])
def test_what_a_caller_forbids_itself_does_not_matter(method, setting):
    def predict(x):
        return jnp.concatenate([x, -x], axis=1)

    expected = count_regions(predict, segments(3), method=method).counts
    anchors = segments(3)
    with setting("disallow" if setting is jax.transfer_guard else True):
        np.testing.assert_array_equal(
            count_regions(predict, anchors, method=method).counts, expected
        )
