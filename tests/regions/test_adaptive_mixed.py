"""Mixed precision inside the compiled adaptive program: the counts are those of float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.regions.adaptive import AdaptiveOptions, CompiledCounter, HostCounter
from rcjax.regions.classifier import MixedEvaluator

pytestmark = pytest.mark.usefixtures("quick_compilation")

POINTS = 300
RANDOM = np.random.default_rng(0)
ENDS = RANDOM.normal(size=(120, 2, 12)).astype(np.float32)
FIRST = RANDOM.normal(size=(12, 50)).astype(np.float32)
SECOND = RANDOM.normal(size=(50, 4)).astype(np.float32)


def clear(x, xp=jnp):
    return xp.maximum(x @ FIRST, 0) @ SECOND


def shifted(x, xp=jnp):
    """Products that are large against the margins: bfloat16 alone gives other labels."""
    return (xp.maximum(x @ FIRST, 0) + 30) @ SECOND - 30 * SECOND.sum(axis=0, keepdims=True)


def wavy(x, xp=jnp):
    return xp.sin(x @ FIRST) @ SECOND


def saturated(x, xp=jnp):
    scores = xp.exp(clear(x, xp) - clear(x, xp).max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def with_a_class_of_its_own(x, xp=jnp):
    return xp.where(xp.arange(4)[None] == 2, np.float32(-np.inf), clear(x, xp))


FAMILIES = [
    shifted,
    *(
        pytest.param(f, marks=pytest.mark.slow)
        for f in (clear, wavy, saturated, with_a_class_of_its_own)
    ),
]


def counter(function, *, on_host=False, **options):
    batch_size = options.pop("batch_size", None)
    mixed = MixedEvaluator(function, ENDS.shape[2:], in_rounds=True, batch_size=batch_size)
    options = AdaptiveOptions(**{"points": POINTS, **options})
    if on_host:
        return HostCounter(mixed, options)
    return CompiledCounter(mixed, options, automatic_batch=batch_size is None)


def grid_counts(function):
    """Counts of the fine grid, by NumPy in float64."""
    t = np.linspace(0, 1, POINTS)[:, None]
    labels = np.stack([
        function((1 - t) * first + t * second, np).argmax(axis=1)
        for first, second in ENDS.astype(np.float64)
    ])  # fmt: skip
    return 1 + (labels[:, 1:] != labels[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("function", FAMILIES)
def test_counts_are_those_of_the_fine_grid_and_of_the_hosts_loop(function):
    mixed, host = counter(function), counter(function, on_host=True)
    found, there = mixed.count(ENDS), host.count(ENDS)
    np.testing.assert_array_equal(found.counts, grid_counts(function))
    np.testing.assert_array_equal(there.counts, found.counts)
    here, there = mixed.evaluator, host.evaluator
    assert mixed.kind == host.kind == "continuous"
    assert abs(here.evaluations - there.evaluations) <= 0.01 * there.evaluations
    assert abs(here.reevaluated_share - there.reevaluated_share) < 0.02
    assert 0 < here.reevaluated_share < 1


@pytest.mark.slow
@pytest.mark.parametrize("locate", [False, True])
def test_blocks_batches_and_located_boundaries_change_no_count(locate):
    several = counter(shifted, locate=locate, batch_size=24)
    found = [several.count(block) for block in (ENDS[:50], ENDS[50:])]
    counts = np.concatenate([part.counts for part in found])
    np.testing.assert_array_equal(counts, grid_counts(shifted))
    for part in found if locate else ():
        widths = part.all_brackets[:, 1] - part.all_brackets[:, 0]
        np.testing.assert_allclose(widths, 1 / (POINTS - 1), atol=1e-9)


@pytest.mark.slow
def test_memory_running_out_halves_the_batch(monkeypatch):
    limited = counter(shifted, batch_size=96)
    traced = limited.evaluator.traced

    def with_little_memory(size):
        if size > 48:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating")
        return traced(size)

    monkeypatch.setattr(limited.evaluator, "traced", with_little_memory)
    with pytest.warns(UserWarning, match="counting goes on with batch_size=48"):
        found = limited.count(ENDS)
    np.testing.assert_array_equal(found.counts, grid_counts(shifted))


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        counter(lambda x: jnp.sqrt(clear(x))).count(ENDS)


@pytest.mark.slow
@pytest.mark.parametrize("on_host", [True, False])
def test_bfloat16_is_not_taken_for_scores_that_stand_still(on_host):
    """Between two close points the products in bfloat16 do."""
    started = counter(clear, on_host=on_host, initial_intervals=150)
    started.count(ENDS[:20])
    assert started.kind == "continuous"


@pytest.mark.slow
def test_any_number_of_devices_finds_the_same(on_four_devices):
    program = """
        import jax, numpy as np
        from test_adaptive_mixed import ENDS, counter, grid_counts, shifted
        assert len(jax.local_devices()) == 4
        several = counter(shifted, batch_size=100)
        assert several.evaluator.mesh.size == 4
        found = several.count(ENDS)
        np.testing.assert_array_equal(found.counts, grid_counts(shifted))
        assert 0 < several.evaluator.reevaluated_share < 1
    """
    on_four_devices(program)
