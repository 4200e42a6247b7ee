"""Keras models count alike on the device and on the host, and never in training mode."""

import os

import jax
import numpy as np
import pytest

from rcjax import count_regions, on_host, slices
from rcjax.errors import UserError

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")
pytestmark = [
    pytest.mark.slow,  # the library comes with the extra test-models
    pytest.mark.filterwarnings("default"),
]

POINTS = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
LABELS = (POINTS[:, 0] > 0).astype(int) + (POINTS[:, 1] > 0)
SEGMENTS = slices.between_points(jax.random.key(0), POINTS, count=10)


@pytest.fixture(autouse=True)
def ranks_promoted_as_keras_does():
    with jax.numpy_rank_promotion("allow"):
        yield


def network(*layers):
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(16, "relu"), *layers, keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((5,)), *hidden])


def test_a_trained_model_counts_as_its_weights_in_numpy(capsys):
    model = network(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(2):  # a model that is trained further is counted anew
        model.fit(POINTS, LABELS, epochs=3, verbose=0)
        (w1, b1), (scale, shift, mean, variance), _, (w2, b2) = (
            layer.get_weights() for layer in model.layers
        )
        factor = scale / np.sqrt(variance + model.layers[1].epsilon)

        def by_hand(x, w1=w1, b1=b1, w2=w2, b2=b2, factor=factor, mean=mean, shift=shift):
            return ((np.maximum(x @ w1 + b1, 0) - mean) * factor + shift) @ w2 + b2

        expected = count_regions(on_host(by_hand), SEGMENTS).counts
        capsys.readouterr()
        for predict in (model, on_host(model), on_host(model.predict_on_batch)):
            np.testing.assert_array_equal(count_regions(predict, SEGMENTS).counts, expected)
        assert capsys.readouterr() == ("", "")  # no bar for every batch


@pytest.mark.parametrize("layer", ["BatchNormalization", "Dropout"])
def test_training_mode_is_refused(layer):
    arguments = [0.5] if layer == "Dropout" else []
    model = network(getattr(keras.layers, layer)(*arguments))

    def trains(x):
        return model(x, training=True)

    with pytest.raises(ValueError, match="a label must depend on its point alone"):
        count_regions(on_host(trains), SEGMENTS)
    with pytest.raises(UserError, match="as a Keras model in training mode does") as error:
        count_regions(trains, SEGMENTS)
    assert "\n" not in str(error.value)
