"""The gradient noise against the gradients of all batches that there can be, in float64."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from rcjax.measures import Settings, TrainedNetwork, compute, undefined
from rcjax.models import functional

from .tiny import apply, rescaled, tiny_network

KEY = jax.random.key(3)
NAME = "gradient_noise"
EXAMPLES = 7


def small(batch_size):
    """A float64 mlp on 7 images, and the gradient of the mean loss of some of them."""
    init, apply = functional(
        "mlp", width=5, image_size=2, channels=1, num_classes=3, compute_dtype=jnp.float64
    )
    parameters, state = init(jax.random.key(0))
    random = np.random.default_rng(0)
    images = random.normal(size=(EXAMPLES, 2, 2, 1))
    labels = random.integers(3, size=EXAMPLES)
    flat, restore = ravel_pytree(parameters)

    @jax.jit
    def gradient(chosen):
        def loss(flat):
            logits, _ = apply(restore(flat), state, jnp.asarray(images)[chosen], False)
            rows = jnp.arange(len(chosen))
            return -jnp.mean(jax.nn.log_softmax(logits)[rows, jnp.asarray(labels)[chosen]])

        return jax.grad(loss)(flat)

    network = TrainedNetwork(apply, parameters, state, parameters, images, labels, batch_size)
    return network, gradient


@pytest.mark.parametrize("batch_size", [1, 3, 6, 7, 100])
def test_is_the_mean_over_all_batches(batch_size):
    with jax.enable_x64(True):
        network, gradient = small(batch_size)
        # Batches of 4 on the device: the last has an example that must not count.
        found = compute(network, [NAME], key=KEY, settings=Settings(batch_size=4))[NAME]
        size = min(batch_size, EXAMPLES)
        whole = gradient(np.arange(EXAMPLES))
        noise = [
            float(jnp.sum((gradient(np.array(chosen)) - whole) ** 2)) / size
            for chosen in itertools.combinations(range(EXAMPLES), size)
        ]
    assert found == pytest.approx(np.mean(noise), rel=1e-9, abs=1e-25)
    assert (found > 1e-4) == (batch_size < EXAMPLES)


def test_with_batch_norm_in_evaluation_mode():
    """Single examples of a convolutional network: a batch of one has no statistics of its own."""
    network = tiny_network()

    def loss(parameters, image, label):
        logits = apply(parameters, network.model_state, image[None], False)[0]
        return -jax.nn.log_softmax(logits)[0, label]

    gradients = jax.jit(jax.vmap(jax.grad(loss), (None, 0, 0)))(
        network.parameters, jnp.asarray(network.images), jnp.asarray(network.labels)
    )
    rows = np.concatenate(
        [np.float64(leaf).reshape(20, -1) for leaf in jax.tree.leaves(gradients)], axis=1
    )
    variance = np.mean(np.sum((rows - rows.mean(axis=0)) ** 2, axis=1))
    found = compute(network, [NAME], key=KEY)[NAME]
    assert found == pytest.approx(variance * 14 / 19 / 6**2, rel=1e-4)
    # Of the parameters, not of the function: another network that computes the same has another.
    assert compute(rescaled(network, 2.0), [NAME], key=KEY)[NAME] != pytest.approx(found, rel=0.01)


def test_without_a_batch_size_it_is_not_defined():
    network = TrainedNetwork(**{**vars(tiny_network()), "batch_size": None})
    assert np.isnan(compute(network, [NAME], key=KEY)[NAME])
    assert undefined(network) == {NAME: "the batch size of the training is not given"}
    assert undefined(tiny_network()) == {}
