"""A classifier whose answer depends on more than its point is refused before it is counted."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax import count_regions, on_host, slices
from rcjax.regions.classifier.probe import mixes_points

POINTS = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
SEGMENTS = slices.between_points(jax.random.key(0), POINTS, count=5)
WEIGHTS = np.random.default_rng(1).normal(size=(8, 3)).astype(np.float32)


RANDOM, CALLS, KEY = np.random.default_rng(2), itertools.count(), jax.random.key(0)


def dropout_on_host(x):
    return (x * (RANDOM.random(x.shape) < 0.8)) @ WEIGHTS


def batch_statistics(x):
    return (x - x.mean(axis=0, keepdims=True)) @ WEIGHTS


def scale_of_the_batch(x):
    return np.round(x @ WEIGHTS * (127 / np.abs(x @ WEIGHTS).max())) if len(x) else x


def counting_calls(x):
    return x @ WEIGHTS + np.float32(next(CALLS)) * np.eye(3, dtype="f")[0]


HOST = [dropout_on_host, batch_statistics, scale_of_the_batch, counting_calls]


@pytest.mark.parametrize("predict", HOST, ids=lambda f: f.__name__)
@pytest.mark.parametrize("labels", [False, True])
def test_on_the_host(predict, labels):
    wrapped = (lambda x: predict(x).argmax(axis=1)) if labels else predict
    if labels and predict in (scale_of_the_batch,):
        return  # a common scale leaves every maximum where it is
    with pytest.raises(ValueError, match="depend on its point alone"):
        count_regions(on_host(wrapped), SEGMENTS)


def dropout(x, key=KEY):
    return jnp.where(jax.random.bernoulli(key, 0.9, x.shape), x, 0) @ WEIGHTS


def dropout_of_each_place(x):
    keys = jax.vmap(jax.random.key)(jnp.arange(x.shape[0]))
    return jax.vmap(lambda key, row: dropout(row, key))(keys, x)


def called_back(x):
    kind = jax.ShapeDtypeStruct((x.shape[0], 3), jnp.float32)
    return jax.pure_callback(lambda v: batch_statistics(np.asarray(v)).astype("f"), kind, x)


DEVICE = [
    dropout,
    dropout_of_each_place,
    batch_statistics,
    jax.jit(batch_statistics),
    called_back,
    lambda x: x @ WEIGHTS - jnp.max(x @ WEIGHTS, axis=0, keepdims=True),
    lambda x: jnp.cumsum(x, axis=0) @ WEIGHTS,
    lambda x: ((x.T @ x) @ x.T).T @ WEIGHTS,
    lambda x: jnp.flip(x, axis=0) @ WEIGHTS,
]


@pytest.mark.parametrize("predict", DEVICE)
@pytest.mark.parametrize("method", ["grid", "adaptive"])
def test_on_the_device(predict, method):
    with pytest.raises(ValueError, match="depend on its point alone"):
        count_regions(predict, SEGMENTS, method=method)


PURE = [
    lambda x: x @ WEIGHTS,
    lambda x: jax.nn.softmax(jnp.sort(x, axis=1) @ WEIGHTS, axis=1),
    lambda x: jax.vmap(lambda row: jnp.cumsum(row)[:3])(x),
    lambda x: jax.lax.map(lambda row: row[:3] * 2, x),
    lambda x: x @ WEIGHTS + jax.random.normal(jax.random.key(0), (1, 3)),
]


@pytest.mark.parametrize("predict", PURE)
def test_functions_of_a_point_pass(predict):
    compiled = jax.jit(predict)
    on_device = count_regions(predict, SEGMENTS, points=20)
    on_host_too = count_regions(on_host(lambda x: np.asarray(compiled(x))), SEGMENTS, points=20)
    np.testing.assert_array_equal(on_host_too.counts, on_device.counts)


def test_common_networks_are_not_asked():
    """Only what may join points costs a second evaluation."""
    network = lambda x: jax.nn.relu(x @ WEIGHTS) @ WEIGHTS[:3] + WEIGHTS[:1]  # noqa: E731
    assert not mixes_points(jax.make_jaxpr(network)(jnp.zeros((104, 8))).jaxpr, 104)


def test_anchors_are_never_handed_over():
    anchors = np.random.default_rng(0).normal(size=(4, 2, 3)).astype("float32")
    kept = anchors.copy()

    def in_place(x):
        x -= 5
        return x[:, :2]

    count = count_regions(on_host(in_place), anchors).counts
    np.testing.assert_array_equal(anchors, kept)
    np.testing.assert_array_equal(
        count, count_regions(on_host(lambda x: x[:, :2] - 5), kept).counts
    )
    points = kept[:, 0].copy()
    on_host(in_place)(points)
    np.testing.assert_array_equal(points, kept[:, 0])


class Holder:
    def __init__(self, network):
        self.network = network

    def predict(self, x):
        return self.network(x)


@pytest.mark.torch
def test_pytorch_children_in_training_mode_are_refused_and_left_alone():
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(
        torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)
    ).eval()
    expected = count_regions(on_host(network), SEGMENTS).counts
    state = {name: value.clone() for name, value in network.state_dict().items()}
    held = [
        network,
        lambda x: network(torch.from_numpy(x)),
        functools.partial(lambda net, x: net(torch.from_numpy(x)), network),
        Holder(network),
        Holder(network).predict,
        [network][0].__call__,
    ]
    for child in (1, 2):
        network[child].train()
        for predict in held:
            with pytest.raises(ValueError, match=r"training mode .* call module.eval\(\)"):
                on_host(predict)
        network.eval()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, state[name])
    np.testing.assert_array_equal(count_regions(on_host(network), SEGMENTS).counts, expected)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_pytorch_points_take_the_dtype_of_the_floating_parameters():
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Linear(8, 3)).eval()
    expected = count_regions(on_host(network), SEGMENTS).counts
    counter = torch.nn.Module()
    counter.register_parameter(
        "steps", torch.nn.Parameter(torch.zeros(1, dtype=torch.int64), requires_grad=False)
    )
    counter.add_module("network", network)
    counter.forward = network.forward
    counter.eval()
    np.testing.assert_array_equal(count_regions(on_host(counter), SEGMENTS).counts, expected)
    frozen = torch.jit.freeze(torch.jit.script(network))
    np.testing.assert_array_equal(count_regions(on_host(frozen), SEGMENTS).counts, expected)
    wide = torch.nn.Module()
    wide.register_buffer("weight", torch.from_numpy(WEIGHTS).double())
    wide.forward = lambda x: x @ wide.weight
    wide.eval()
    np.testing.assert_array_equal(
        count_regions(on_host(wide), SEGMENTS).counts,
        count_regions(on_host(lambda x: x.astype(float) @ WEIGHTS), SEGMENTS).counts,
    )
