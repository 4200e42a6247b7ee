"""Norms against dense matrices, enumerated paths and plain numpy."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.measures import TrainedNetwork, compute, undefined
from rcjax.measures.layers import ITERATIONS, Layer, _convolution_norm, folded_layers
from rcjax.measures.path_norm import path_norm
from rcjax.models import arrays_of, create, functional
from rcjax.models.convolution_gradient import convolution
from rcjax.models.torch_state_dict import torch_state_dict_of

from ..dense_cnn1d import dense_layers


@pytest.mark.parametrize(
    ("size", "channels", "outputs", "kernel", "stride", "padding", "groups"),
    [
        (6, 3, 4, 3, 1, 1, 1),
        (7, 2, 5, 3, 2, 1, 1),  # strided, odd size
        (6, 4, 4, 3, 2, 1, 4),  # depthwise
        (5, 6, 4, 3, 1, 1, 2),  # grouped
        (4, 5, 3, 1, 2, 0, 1),  # a shortcut
        (6, 2, 3, 5, 1, 2, 1),
        (1, 8, 8, 3, 1, 1, 1),  # only the centre of the kernel matters
    ],
)
def test_convolution_norm_is_the_largest_singular_value_of_its_matrix(
    size, channels, outputs, kernel, stride, padding, groups
):
    random = np.random.default_rng(0)
    weight = np.float32(random.normal(size=(kernel, kernel, channels // groups, outputs)))
    layer = Layer(weight, (size, size, channels), stride, padding, groups)
    found = jax.jit(lambda w, key: _convolution_norm(w, layer, key))(weight, jax.random.key(0))
    basis = np.eye(size * size * channels, dtype=np.float32).reshape(-1, size, size, channels)
    matrix = convolution(
        jnp.asarray(basis), weight, stride=stride, padding=padding, groups=groups, gradient="plain"
    )
    dense = np.linalg.svd(np.float64(matrix).reshape(len(basis), -1), compute_uv=False)[0]
    assert ITERATIONS < 50
    assert float(found) == pytest.approx(dense, rel=1e-3)


def test_path_norm_of_an_mlp_is_the_sum_over_its_paths():
    init, apply = functional("mlp", width=4, image_size=1, channels=3, num_classes=2)
    parameters, state = init(jax.random.key(1))
    layers = parameters["layers"]
    weights = [np.float64(layers[index]["weight"]) for index in sorted(layers)]
    total = 0.0
    for i, j, k, m in itertools.product(range(3), range(4), range(4), range(2)):
        total += (weights[0][i, j] * weights[1][j, k] * weights[2][k, m]) ** 2
    assert path_norm(apply, parameters, state, (1, 1, 3)) == pytest.approx(total**0.5, rel=1e-5)


def test_norms_of_1d_convolutions_are_those_of_their_matrices():
    shape = {"width": 3, "channels": 12, "num_classes": 3}
    model = create("cnn1d", **shape)
    arguments = (functional("cnn1d", **shape)[1], *arrays_of(model), (1, 1, 12))
    layers = [np.float64(weight) for weight, _ in dense_layers(torch_state_dict_of(model), 12)]

    @jax.jit
    def second_norm(parameters, state, key):
        layer = folded_layers(arguments[0], parameters, state, arguments[-1])[1]
        return _convolution_norm(layer.weight, layer, key)

    found = second_norm(*arguments[1:3], jax.random.key(0))
    assert float(found) == pytest.approx(np.linalg.norm(layers[1], 2), rel=1e-3)
    paths = np.linalg.multi_dot([np.ones(12), *(np.square(weight) for weight in layers)]).sum()
    assert path_norm(*arguments) == pytest.approx(paths**0.5, rel=1e-5)


def small_network(name, seed=0, **shape):
    init, apply = functional(name, **shape)
    parameters, state = init(jax.random.key(seed))
    size, channels = shape.get("image_size", 32), shape.get("channels", 3)
    images = np.random.default_rng(0).normal(size=(4, size, size, channels)).astype(np.float32)
    return TrainedNetwork(
        apply, parameters, state, init(jax.random.key(9))[0], images, np.arange(4)
    )


def test_parameter_norms():
    network = small_network("mlp", width=4, image_size=2)
    found = compute(
        network,
        [
            "parameter_norm",
            "distance_from_initialization",
            "layer_distance_from_initialization",
            "log_spectral_product",
            "log_frobenius_product",
        ],
        key=jax.random.key(0),
    )
    leaves = [np.float64(leaf) for leaf in jax.tree.leaves(network.parameters)]
    first = [np.float64(leaf) for leaf in jax.tree.leaves(network.initial_parameters)]
    both = list(zip(leaves, first, strict=True))
    matrices = [leaf for leaf in leaves if leaf.ndim == 2]
    expected = [
        np.sqrt(sum(np.sum(leaf**2) for leaf in leaves)),
        np.sqrt(sum(np.sum((a - b) ** 2) for a, b in both)),
        sum(np.linalg.norm(a - b) for a, b in both if a.ndim == 2),
        sum(np.log(np.linalg.svd(m, compute_uv=False)[0]) for m in matrices),
        sum(np.log(np.linalg.norm(m)) for m in matrices),
    ]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-5)


def test_path_norm_says_where_it_is_not_defined():
    network = small_network("vit", width=12, image_size=8)
    assert "path_norm" in undefined(network)
    found = compute(network, ["path_norm"], key=jax.random.key(0))
    assert np.isnan(found["path_norm"])
