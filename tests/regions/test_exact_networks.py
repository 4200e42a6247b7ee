"""The exact method on convolutional, residual and other networks, and on single operations."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rcjax import count_regions
from rcjax.models import create
from rcjax.models.torch_state_dict import torch_state_dict_of
from rcjax.regions.exact.counting import count_exact, linear_pieces

from ..dense_cnn1d import dense_layers

_spec = importlib.util.spec_from_file_location(
    "exact_oracle", Path(__file__).parent / "exact_oracle.py"
)
oracle = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(oracle)


class SmallResidualNetwork(nnx.Module):
    """Convolution, batch norm, ReLU, residual sum, max-pooling, mean, dense: 6x6x1 -> 3."""

    def __init__(self, seed):
        rngs = nnx.Rngs(seed)
        self.stem = nnx.Conv(1, 3, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(3, rngs=rngs)
        self.branch = nnx.Conv(3, 3, (3, 3), use_bias=False, rngs=rngs)
        self.head = nnx.Linear(3, 3, rngs=rngs)
        random = np.random.default_rng(seed)
        self.norm.mean[...] = jnp.float32(random.normal(size=3) * 0.3)
        self.norm.var[...] = jnp.float32(random.uniform(0.5, 2, size=3))
        self.head.bias[...] = jnp.float32(random.normal(size=3) * 0.1)

    def __call__(self, images):
        x = nnx.relu(self.norm(self.stem(images)))
        x = nnx.relu(x + self.branch(x))
        return self.head(nnx.max_pool(x, (2, 2), strides=(2, 2)).mean(axis=(1, 2)))


def numpy_forward(network, images):
    """Scores and activation pattern of a SmallResidualNetwork, without JAX."""
    norm = network.norm
    scale = np.float32(norm.scale[...]) / np.sqrt(np.float32(norm.var[...]) + np.float32(1e-5))
    x = oracle.convolve(images, np.asarray(network.stem.kernel[...]))
    first = (x - np.asarray(norm.mean[...])) * scale.astype(np.float64) + np.asarray(norm.bias[...])
    x = np.maximum(first, 0)
    second = x + oracle.convolve(x, np.asarray(network.branch.kernel[...]))
    x, positions = oracle.pooled(np.maximum(second, 0))
    head = network.head
    scores = x.mean(axis=(1, 2)) @ np.asarray(head.kernel[...], np.float64)
    n = len(images)
    pattern = [(first >= 0).reshape(n, -1), (second >= 0).reshape(n, -1), positions.reshape(n, -1)]
    return scores + np.asarray(head.bias[...]), np.concatenate(pattern, axis=1)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_residual_network_matches_numpy_on_a_dense_grid(seed):
    network = SmallResidualNetwork(seed)
    network.eval()
    anchors = np.float32(np.random.default_rng(seed).normal(size=(3, 2, 6, 6, 1)) * 2)
    anchors[:, :, :2] = 0.5  # constant background: max-pooling meets exact ties there
    result = count_exact(network, anchors)
    pieces = linear_pieces(network, anchors)
    for index, ends in enumerate(anchors):
        grid = np.linspace(0, 1, 4_001)
        scores, patterns = numpy_forward(network, oracle.on_segment(ends, grid))
        # A step of the grid may hold several breakpoints: compare step by step.
        steps = np.unique(np.searchsorted(grid, pieces[index].breakpoints))
        changed = 1 + np.flatnonzero((patterns[1:] != patterns[:-1]).any(axis=1))
        assert set(steps) <= set(changed)  # ties inside pooled zeros change the argmax alone
        assert len(steps) > 20
        assert result.counts[index] == 1 + oracle.changes(scores.argmax(axis=1))
        at_ends, _ = numpy_forward(network, oracle.on_segment(ends, pieces[index].positions))
        np.testing.assert_allclose(pieces[index].scores, at_ends, atol=1e-6)
        # No bend is missing: the ends of the linear regions alone give the scores everywhere.
        bends = np.r_[True, np.repeat(pieces[index].bends, 2), True]
        assert result.linear_regions[index] == bends.sum() // 2
        positions, at_bends = pieces[index].positions[bends], pieces[index].scores[bends]
        interpolated = np.stack([np.interp(grid, positions, s) for s in at_bends.T], axis=1)
        np.testing.assert_allclose(interpolated, scores, atol=1e-6)


def test_cnn1d_has_the_breakpoints_of_the_same_multilayer_perceptron():
    model = create("cnn1d", width=3, channels=12, num_classes=3, seed=1)
    layers = dense_layers(torch_state_dict_of(model), 12)
    anchors = np.float32(np.random.default_rng(0).normal(size=(3, 2, 1, 1, 12)) * 4)
    result, pieces = count_exact(model, anchors), linear_pieces(model, anchors)
    grid = np.linspace(0, 1, 4_001)
    for index, ends in enumerate(anchors.reshape(3, 2, 12)):
        np.testing.assert_allclose(
            pieces[index].breakpoints, oracle.mlp_breakpoints(layers, ends), atol=1e-9
        )
        scores, _ = oracle.forward(layers, oracle.on_segment(ends, grid))
        assert result.counts[index] == 1 + oracle.changes(scores.argmax(axis=1))
    assert result.counts.max() > 1


def scanned(x):
    """Two layers by scan, with a carry that starts as a constant."""

    def layer(carry, weight):
        return jax.nn.relu(x[:, None] * weight - 1) + carry, carry

    total, _ = jax.lax.scan(layer, jnp.zeros((x.shape[0], 1)), jnp.float32([1.0, -2.0]))
    return total[:, 0]


@jax.custom_vjp
def straight_through(x):
    return jnp.maximum(x, 0.5)


straight_through.defvjp(lambda x: (x, None), lambda _, g: (g,))

# Functions of x on [-4, 4] with their breakpoints.
OPERATIONS = {
    "relu": (lambda x: jax.nn.relu(x - 1), [1]),
    "nested calls": (jax.jit(lambda x: jax.checkpoint(jax.jit(jax.nn.relu))(x + 1)), [-1]),
    "leaky_relu": (lambda x: jax.nn.leaky_relu(x, 0.1), [0]),
    "relu6": (lambda x: jax.nn.relu6(2 * x), [0, 3]),
    "clip": (lambda x: jnp.clip(x, -2, 3), [-2, 3]),
    "clamp": (lambda x: jax.lax.clamp(-1.0, x, 2.0), [-1, 2]),
    "hard_tanh": (jax.nn.hard_tanh, [-1, 1]),
    "hard_sigmoid": (jax.nn.hard_sigmoid, [-3, 3]),
    "abs": (lambda x: jnp.abs(x - 2), [2]),
    "minimum": (lambda x: jnp.minimum(x, 3 - x), [1.5]),
    "where": (lambda x: jnp.where(x > 1, 2 * x - 1, x), [1]),
    "where jumps": (lambda x: jnp.where(x < 1, 0.0, 1.0), [1]),
    "sign": (lambda x: x * jnp.sign(x - 1), [1]),
    "mask times value": (lambda x: x * (x <= 2), [2]),
    "equality never holds": (lambda x: jnp.where(x == 1, 5.0, x), []),
    "reduce_max": (lambda x: jnp.stack([x, -x, 0 * x + 1], 1).max(axis=1), [-1, 1]),
    "reduce_min": (lambda x: jnp.stack([x, -x, 0 * x - 1], 1).min(axis=1), [-1, 1]),
    "argmax": (lambda x: jnp.stack([x, 1 - x], 1).argmax(axis=1) * 1.0, [0.5]),
    "custom_vjp": (straight_through, [0.5]),
    "stop_gradient": (lambda x: jax.lax.stop_gradient(jax.nn.relu(x)), [0]),
    "scan": (scanned, [-0.5, 1]),
    "gather": (lambda x: jnp.stack([jnp.abs(x), x], 1)[:, jnp.array([1, 0])][:, 1], [0]),
    "scatter": (lambda x: jnp.zeros((x.shape[0], 2)).at[:, 1].set(jnp.abs(x)).sum(axis=1), [0]),
    "scatter add": (lambda x: jnp.ones((x.shape[0], 2)).at[:, 1].add(jnp.abs(x)).sum(1), [0]),
    "max_pool": (
        lambda x: nnx.max_pool(
            jnp.stack([x, -x, x - 1], 1)[..., None], (2,), strides=(1,), padding="SAME"
        ).sum(axis=(1, 2)),
        [0, 0.5],
    ),
    "avg_pool": (lambda x: nnx.avg_pool(jnp.abs(x)[:, None, None], (1,)).sum((1, 2)), [0]),
    "constants only": (lambda x: jax.nn.relu(x * jnp.exp(jnp.tanh(jnp.ones(1)))[0]), [0]),
}


@pytest.mark.usefixtures("promotion_as_users_have_it")
def test_operations_and_their_breakpoints():
    """All in one program: shifted, each has its breakpoints to itself."""
    shifts = np.arange(len(OPERATIONS)) / 64  # breakpoints are multiples of 1 / 2

    def every_operation(x):
        functions = [function for function, _ in OPERATIONS.values()]
        return jnp.stack([function(x[:, i]) for i, function in enumerate(functions)], axis=1)

    anchors = np.float32([shifts - 4, shifts + 4])
    (pieces,) = linear_pieces(every_operation, anchors[None])
    expected = {
        (at - shift + 4) / 8: name
        for (name, (_, breakpoints)), shift in zip(OPERATIONS.items(), shifts, strict=True)
        for at in breakpoints
    }
    assert len(expected) == sum(len(breakpoints) for _, breakpoints in OPERATIONS.values())
    for at in pieces.breakpoints[pieces.bends]:
        nearest = min(expected, key=lambda place, at=at: abs(place - at))
        assert at == pytest.approx(nearest, abs=1e-7), f"no operation has a breakpoint at {at}"
        expected.pop(nearest)
    assert not expected
    np.testing.assert_allclose(pieces.scores[[0, -1]], jax.jit(every_operation)(anchors), atol=1e-5)


REFUSED = {
    "tanh": lambda x: jnp.tanh(x),
    "logistic": lambda x: jax.nn.sigmoid(x),
    "erf": jax.lax.erf,
    "exp": lambda x: jax.nn.softmax(x),
    "sin": lambda x: jnp.sin(x),
    "rsqrt": lambda x: x.sum() * 0 + jax.lax.rsqrt(x),
    "square": jax.lax.square,
    "integer_pow": lambda x: x**3,
    "mul": lambda x: x * x[:, ::-1],
    "div": lambda x: 1 / x,
    "dot_general": lambda x: x @ x.T @ jnp.ones((1, 2)),
    "floor": lambda x: jnp.floor(x),
    "sort": lambda x: jnp.sort(x, axis=1),
    "cond": lambda x: jax.lax.cond(x[0, 0] > 0, lambda y: y, lambda y: -y, x),
    "while": lambda x: jax.lax.while_loop(lambda y: y.max() < 1, lambda y: 2 * y, x),
    "convert_element_type": lambda x: x.astype(int).astype(float),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_operations_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"'{name}'.*method='adaptive'"):
        count_exact(REFUSED[name], np.ones((1, 2, 2), np.float32))


@pytest.mark.usefixtures("promotion_as_users_have_it")
def test_refusals_of_softmax_and_training_mode_tell_the_remedy():
    with pytest.raises(ValueError, match="return the logits instead") as caught:
        count_exact(jax.nn.log_softmax, np.ones((1, 2, 2), np.float32))
    assert len(str(caught.value).splitlines()) == 1

    def normalised_by_batch(x):
        return (x - x.mean(axis=0)) / jnp.sqrt(x.var(axis=0) + 1e-5)

    with pytest.raises(ValueError, match="batch norm in training mode"):
        count_exact(normalised_by_batch, np.ones((1, 2, 2), np.float32))


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda x: jnp.sort(x, axis=1), "no rule for 'sort'"),
        (lambda x: jax.lax.top_k(x, 3)[0], "no rule for 'top_k'"),
        (lambda x: jax.lax.cummax(x, axis=1), "no rule for 'cummax'"),
        (lambda x: x - jnp.floor(x), "no rule for 'floor'"),
        (lambda x: x.astype(jnp.bfloat16).astype(jnp.float32), "cast to bfloat16"),
        (lambda x: x.astype(jnp.float16), "cast to float16"),
        (lambda x: jax.nn.gelu(x), "approximation of GELU"),
    ],
)
def test_refusals_name_the_cause(predict, message):
    for anchors in (2, 3):
        with pytest.raises(ValueError, match=message) as refused:
            count_regions(predict, np.zeros((1, anchors, 3), np.float32), method="exact")
        assert "batch norm" not in str(refused.value)


@pytest.mark.parametrize("anchors", [2, 3])
def test_a_class_masked_with_minus_infinity_never_wins(anchors):
    ends = np.random.default_rng(0).normal(size=(3, anchors, 3)).astype(np.float32)

    def plain(x):
        return jnp.abs(x) - jnp.array([[0.0, 0.3, 0.1]])

    def masked(x):
        return jnp.concatenate([plain(x), x[:, :1] - jnp.inf], axis=1)

    found, expected = (count_regions(f, ends, method="exact") for f in (masked, plain))
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_array_equal(found.linear_regions, expected.linear_regions)
    with pytest.raises(ValueError, match="not finite"):
        count_regions(lambda x: plain(x) - jnp.inf, ends, method="exact")
