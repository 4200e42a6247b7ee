"""Batch norm folded: layers against dense matrices, and what a rescaling must not change."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcjax import count_regions, models, slices
from rcjax.measures import compute
from rcjax.measures.layers import folded_layers, layer_norms
from rcjax.measures.path_norm import path_norm, undefined_path_norm

from .tiny import CHANNELS, SIZE, apply, dense_layers, rescaled, tiny_network

KEY = jax.random.key(0)
IMAGE = (SIZE, SIZE, CHANNELS)
FOLDED = ["log_spectral_product", "log_frobenius_product", "path_norm", "log_spectral_complexity"]
FUNCTION = ["output_margin", "input_margin", "input_gradient_norm", "spectrally_normalized_margin"]


def test_folded_layers_are_those_of_the_dense_matrices():
    network = tiny_network()
    norms = layer_norms(apply, network.parameters, network.model_state, IMAGE, KEY)
    dense = dense_layers(network)
    names = ("first", "depthwise", "shortcut", "norm", "linear")
    expected = [np.linalg.svd(dense[name], compute_uv=False)[0] for name in names]
    np.testing.assert_allclose(norms.spectral, expected, rtol=1e-4)
    # The kernel's norm, where each entry is found once in the matrix of a 1x1 map at one pixel.
    for place, copies in ((2, 4), (3, 4), (4, 1)):
        whole = np.linalg.norm(dense[names[place]])
        assert float(norms.frobenius[place]) == pytest.approx(whole / copies**0.5, rel=1e-5)


def test_path_norm_is_the_product_of_the_squared_matrices():
    network = tiny_network()
    squared = {name: matrix**2 for name, matrix in dense_layers(network).items()}
    hidden = np.ones(SIZE * SIZE * CHANNELS) @ squared["first"]
    hidden = hidden @ squared["depthwise"] + hidden @ squared["shortcut"]
    total = np.sum(hidden @ squared["norm"] @ squared["mean"] @ squared["linear"])
    found = path_norm(apply, network.parameters, network.model_state, IMAGE)
    assert found == pytest.approx(total**0.5, rel=1e-4)


@given(exponent=st.integers(-6, 6), seed=st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_rescaling_before_batch_norm_changes_the_parameters_only(exponent, seed):
    before = tiny_network(seed)
    after = rescaled(before, 2.0**exponent)
    names = FOLDED + FUNCTION
    first, second = (compute(network, names, key=KEY) for network in (before, after))
    assert second == pytest.approx(first, rel=2e-3, nan_ok=True)
    if exponent:
        raw = [compute(n, ["parameter_norm"], key=KEY)["parameter_norm"] for n in (before, after)]
        assert abs(raw[1] / raw[0] - 1) > 0.01


def test_rescaling_leaves_the_region_count_as_it_was():
    before = tiny_network()
    after = rescaled(before, 2.0)
    segments = slices.between_points(KEY, before.images, count=10)

    def count(network):
        def predict(points):
            return apply(network.parameters, network.model_state, points, False)[0]

        return count_regions(predict, segments, points=50).counts

    np.testing.assert_array_equal(count(before), count(after))
    assert count(before).max() > 1


# Batch norms that follow no convolution: the first of every block (in DenseNet but the very first,
# which follows the stem), of the three transitions and before the classifier.
ALONE = {"densenet121": 57 + 3 + 1, "senet18": 8}
NO_PATHS = {"senet18": "logistic", "vit": "neither linear nor ReLU"}


@pytest.mark.parametrize(
    "name",
    [
        *("resnet18", "mobilenet", "vit", "cnn1d"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("senet18", "densenet121", "dpn92")
        ),
    ],
)
def test_layers_of_the_networks(name):
    width = {"vit": 12, "dpn92": 2, "densenet121": 4}.get(name, 4)
    image = (1, 1, 40) if name == "cnn1d" else (32, 32, 3)
    init, network = models.functional(name, width=width, channels=image[-1])
    arrays = jax.eval_shape(init, KEY)
    found = []
    jax.eval_shape(lambda p, s: found.extend(folded_layers(network, p, s, image)), *arrays)
    kernels = [layer for layer in found if len(layer.weight.shape) > 1]
    weights = [
        leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(arrays[0])
        if len(leaf.shape) > 1 and path[-1].key == "weight"
    ]
    assert len(kernels) == len(weights)
    assert len(found) - len(kernels) == ALONE.get(name, 0)
    reason = undefined_path_norm(network, *arrays, image)
    assert NO_PATHS.get(name, "") in reason
    assert bool(reason) == (name in NO_PATHS)
