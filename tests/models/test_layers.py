"""Layers against NumPy and the definitions of PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.errors import UserError
from rcjax.models.builder import Builder, NetworkSettings
from rcjax.models.layers import (
    BatchNorm,
    Convolution,
    Dropout,
    Linear,
    Sequence,
    max_pool,
    mean_pool,
    scaled,
)

NUMBERS = 200_000


def builder(settings: NetworkSettings | None = None) -> Builder:
    key = jax.random.key(0)
    numbers = jax.random.uniform(key, (NUMBERS,), minval=-1, maxval=1)
    return Builder(settings or NetworkSettings(), numbers, key)


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda b: Convolution(b, 24, 96, 3, bias=True), 24 * 9),
        (lambda b: Convolution(b, 96, 96, 5, groups=96, bias=True), 25),
        (lambda b: Convolution(b, 96, 960, 3, groups=48, bias=True), 2 * 9),
        (lambda b: Linear(b, 200, 300), 200),
    ],
)
def test_weights_and_biases_start_uniform_within_one_over_root_fan_in(make, fan_in):
    layer = make(builder())
    bound = fan_in**-0.5
    for values in (layer.weight[...], layer.bias[...]):
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.95 * bound
    weight = np.asarray(layer.weight[...])
    error = 6 / weight.size**0.5  # six standard errors, more than enough for a fixed seed
    assert abs(weight.mean()) < error * bound
    assert weight.var() == pytest.approx(bound**2 / 3, rel=error)


def test_layers_of_one_builder_start_differently():
    shared = builder()
    first, second = Linear(shared, 4, 4), Linear(shared, 4, 4)
    assert not np.any(np.asarray(first.weight[...]) == np.asarray(second.weight[...]))


def test_normal_numbers_are_standard_normal():
    values = np.asarray(builder().normal((NUMBERS,)))
    assert np.isfinite(values).all()
    assert values.mean() == pytest.approx(0, abs=0.01)
    assert values.std() == pytest.approx(1, abs=0.01)
    assert np.mean(np.abs(values) < 1.96) == pytest.approx(0.95, abs=0.003)


def test_batch_norm_normalises_by_the_biased_and_remembers_the_unbiased_variance():
    images = np.random.default_rng(0).normal(2, 3, (3, 2, 2, 5)).astype(np.float32)
    norm = BatchNorm(builder(), 5)
    norm.weight.set_value(jnp.arange(1.0, 6))
    norm.bias.set_value(jnp.arange(5.0))
    outputs = norm(jnp.asarray(images))
    rows = images.reshape(-1, 5).astype(np.float64)
    normal = (images - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5)
    np.testing.assert_allclose(outputs, normal * np.arange(1, 6) + np.arange(5), atol=1e-4)
    np.testing.assert_allclose(norm.running_mean[...], 0.1 * rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(norm.running_var[...], 0.9 + 0.1 * rows.var(0, ddof=1), rtol=1e-5)


def test_batch_norm_survives_a_mean_far_from_zero():
    values = 1e4 + np.random.default_rng(0).normal(size=(64, 1)).astype(np.float32)
    norm = BatchNorm(builder(), 1)
    norm(jnp.asarray(values))
    unbiased = values.astype(np.float64).var(ddof=1)
    np.testing.assert_allclose(norm.running_var[...], 0.9 + 0.1 * unbiased, rtol=1e-3)


def test_batch_norm_in_evaluation_uses_the_running_statistics_and_keeps_them():
    norm = BatchNorm(builder(), 2)
    norm.running_mean.set_value(jnp.array([1.0, -1.0]))
    norm.running_var.set_value(jnp.array([4.0, 0.25]))
    norm.eval()
    outputs = norm(jnp.array([[3.0, 0.0]]))
    np.testing.assert_allclose(outputs, [[1.0, 2.0]], rtol=1e-4)
    np.testing.assert_array_equal(norm.running_mean[...], [1.0, -1.0])


def test_batch_norm_refuses_to_train_on_one_value_per_channel():
    with pytest.raises(UserError, match=r"more than one value per channel.*\[1, 1, 1, 3\]"):
        BatchNorm(builder(), 3)(jnp.zeros((1, 1, 1, 3)))


def test_batch_norm_of_bfloat16_images_keeps_float32_statistics():
    # bfloat16 cannot hold a mean over this many values: 256 + 1 rounds to 256.
    images = jnp.ones((4096, 1), jnp.bfloat16).at[::2].set(3)
    norm = BatchNorm(builder(), 1)
    assert norm(images).dtype == jnp.bfloat16
    assert norm.running_mean.dtype == np.float32
    np.testing.assert_allclose(norm.running_mean[...], 0.2, rtol=1e-6)


def test_dropout_keeps_the_mean_and_advances_its_state():
    dropout = Dropout(builder(), 0.2)
    ones = jnp.ones(100_000)
    before = dropout.words[...]
    first, second = dropout(ones), dropout(ones)
    assert set(np.unique(first)) == {np.float32(0), np.float32(1.25)}
    assert np.mean(first == 0) == pytest.approx(0.2, abs=0.01)
    assert np.any(first != second)
    dropout.words.set_value(before)
    np.testing.assert_array_equal(dropout(ones), first)
    dropout.eval()
    np.testing.assert_array_equal(dropout(ones), ones)


def test_sequence_applies_in_order_and_is_the_identity_when_empty():
    assert Sequence(lambda x: x + 1, lambda x: 10 * x)(2) == 30
    assert Sequence()(2) == 2


def test_pooling_equals_numpy_and_refuses_images_that_are_too_small():
    images = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    squares = images[:, :4].reshape(2, 2, 2, 2, 2, 3)
    np.testing.assert_array_equal(max_pool(images, 2, 2), squares.max((2, 4)))
    np.testing.assert_allclose(mean_pool(images, 2), squares.mean((2, 4)), rtol=1e-5)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    np.testing.assert_array_equal(max_pool(images, 3, 1, padding=1), windows.max((-1, -2)))
    with pytest.raises(UserError, match=r"network: 1 x 1 pixels .* --config\.image_size"):
        max_pool(jnp.zeros((1, 1, 1, 3)), 2, 2)


def test_scaled_channels_are_the_nearest_positive_multiple():
    assert scaled(464, 24, 24) == 464
    assert scaled(464, 12, 24) == 232
    assert scaled(368, 4, 64, multiple=8) == 24
    assert scaled(24, 1, 64, multiple=8) == 8
