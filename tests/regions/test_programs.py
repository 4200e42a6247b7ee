"""What a process that counts again and again keeps: few programs, and no network."""

import functools
import gc
import weakref

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rcjax import count_regions, slices
from rcjax.regions import networks
from rcjax.regions.classifier import evaluator, programs

POINTS = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
SEGMENTS = slices.between_points(jax.random.key(0), POINTS, count=3)


def weights(seed):
    return np.random.default_rng(seed).normal(size=(6, 3)).astype(np.float32)


def linear(w):
    return lambda x: x @ w


def nested(seed):
    inner = jax.jit(linear(weights(seed)))
    return jax.jit(lambda x: 2 * inner(x))


KINDS = {
    "closure": lambda seed: functools.partial(lambda w, x: x @ w, jnp.asarray(weights(seed))),
    "jit": lambda seed: jax.jit(linear(jnp.asarray(weights(seed)))),
    "jit of numpy": lambda seed: jax.jit(linear(weights(seed))),
    "nested jit": nested,
    "nnx.jit": lambda seed: nnx.jit(nnx.Linear(6, 3, rngs=nnx.Rngs(seed))),
    "eqx.filter_jit": lambda seed: eqx.filter_jit(
        eqx.filter_vmap(eqx.nn.Linear(6, 3, key=jax.random.key(seed)))
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_one_shape_share_one_program(kind):
    count_regions(KINDS[kind](0), SEGMENTS, points=20)
    known = evaluator._step._cache_size()
    counts = [count_regions(KINDS[kind](seed), SEGMENTS, points=20).counts for seed in range(1, 4)]
    assert evaluator._step._cache_size() == known
    for seed, count in enumerate(counts, 1):
        expected = count_regions(KINDS[kind](seed), SEGMENTS, points=20, batch_size=7).counts
        np.testing.assert_array_equal(count, expected)


def scaled(number):
    return lambda x: x[:, :3] * (1.0 + number)


def test_programs_that_differ_are_let_go():
    for number in range(3 * programs._MOST_PROGRAMS // 2):
        programs.split(scaled(number), (6,), 4)
        assert sum(programs._programs.values()) <= programs._MOST_PROGRAMS


def test_what_a_program_calls_back_is_let_go():
    class Held:
        pass

    references = []
    for _ in range(2):
        held = Held()
        references.append(weakref.ref(held))

        def predict(x, held=held):
            kind = jax.ShapeDtypeStruct((x.shape[0], 3), jnp.float32)
            return jax.pure_callback(lambda v: (held, v[:, :3])[1], kind, x)

        count_regions(predict, SEGMENTS, points=20)
        del held, predict
    for function in programs._compiled_functions:
        function.clear_cache()
    gc.collect()
    assert [reference() for reference in references] == [None] * 2


def test_many_networks_are_compiled_once():
    def predict(w, x):
        return x @ w

    stacked = [np.stack([weights(seed), weights(seed + 1)]) for seed in (0, 5)]
    count_regions(predict, SEGMENTS, points=20, parameters=stacked[0])
    known = networks._labels._cache_size()
    count_regions(predict, SEGMENTS, points=20, parameters=stacked[1])
    assert networks._labels._cache_size() == known
