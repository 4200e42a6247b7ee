"""A step of training against the update written out in NumPy, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.training.optimizer import Optimizer
from rcjax.training.step import Learned, train_step

MOMENTUM, WEIGHT_DECAY, RATES = 0.9, 0.01, (0.3, 0.3, 0.1)


def linear_apply(parameters, model_state, images, train):
    flat = images.reshape(len(images), -1)
    return flat @ parameters["weight"] + parameters["bias"][None], model_state


def numpy_step(weight, bias, velocities, inputs, labels, rate):
    """Gradient of the mean cross-entropy of a linear network, and the momentum update."""
    logits = inputs @ weight + bias
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
    error = (probabilities - np.eye(logits.shape[1])[labels]) / len(labels)
    gradients = (inputs.T @ error + WEIGHT_DECAY * weight, error.sum(axis=0) + WEIGHT_DECAY * bias)
    velocities = [MOMENTUM * v + g for v, g in zip(velocities, gradients, strict=True)]
    return loss, weight - rate * velocities[0], bias - rate * velocities[1], velocities


def test_momentum_and_decay_of_every_parameter():
    random = np.random.default_rng(0)
    images = random.normal(size=(12, 2, 2, 1))
    labels = random.integers(0, 3, 12)
    weight, bias = random.normal(size=(4, 3)), random.normal(size=3)
    velocities = [np.zeros_like(weight), np.zeros_like(bias)]
    optimizer = Optimizer()
    with jax.enable_x64(True):
        parameters = {"weight": jnp.array(weight), "bias": jnp.array(bias)}
        learned = Learned(parameters, {}, optimizer.init(parameters))
        for rate in RATES:
            numbers = {"learning_rate": rate, "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY}
            learned, metrics = train_step(
                linear_apply,
                optimizer,
                learned,
                jnp.array(images),
                jnp.array(labels),
                {name: jnp.float64(value) for name, value in numbers.items()},
            )
            loss, weight, bias, velocities = numpy_step(
                weight, bias, velocities, images.reshape(12, 4), labels, rate
            )
            assert float(metrics.loss) == pytest.approx(loss, rel=1e-12)
            np.testing.assert_allclose(learned.parameters["weight"], weight, rtol=1e-12)
            np.testing.assert_allclose(learned.parameters["bias"], bias, rtol=1e-12)
