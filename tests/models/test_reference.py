"""The published networks against facts computed with PyTorch."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from rcjax.models import create, functional
from rcjax.models.torch_state_dict import torch_state_dict_of

from ..recipe import recipe_images
from .reference import REFERENCE, logits_of, recipe_network, reference_shapes

TRAJECTORIES = json.loads(Path(__file__).with_name("trajectories.json").read_text())
NETWORKS = [name for name in REFERENCE if name != "source"]
QUICK = ("resnet18", "mobilenet", "cnn", "cnn1d")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS],
)
def test_keys_shapes_and_logits_equal_pytorch(name):
    model = recipe_network(name)  # refuses any difference of keys or shapes
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert sum(array.size for array in parameters) == REFERENCE[name]["parameters"]
    expected = np.asarray(REFERENCE[name]["logits"])
    sizes = {"size": REFERENCE[name].get("image_size", 32), "channels": model.channels}
    actual = logits_of(model, recipe_images(len(expected), **sizes))
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18_imagenet", 11_689_512),
        ("resnet34_imagenet", 21_797_672),
        ("resnet50_imagenet", 25_557_032),
        ("efficientnet_b0_imagenet", 5_288_548),
    ],
)
def test_networks_for_imagenet_are_as_large_as_published(name, parameters):
    init, _ = functional(name, num_classes=1000)
    shapes, _ = jax.eval_shape(init, jax.random.key(0))
    assert sum(array.size for array in jax.tree.leaves(shapes)) == parameters


@pytest.mark.parametrize(
    "name", ["senet18", pytest.param("resnet18_imagenet", marks=pytest.mark.slow)]
)
def test_written_state_dict_has_the_keys_and_shapes_of_pytorch(name):
    written = {key: array.shape for key, array in torch_state_dict_of(create(name)).items()}
    expected = reference_shapes(name)
    assert written == {k: s for k, s in expected.items() if not k.endswith("num_batches_tracked")}


@pytest.mark.slow
@pytest.mark.usefixtures("full_compilation")
@pytest.mark.parametrize("name", ["resnet18", "senet18"])
def test_training_follows_pytorch_step_by_step(name):
    """SGD with momentum and weight decay on every parameter, cosine by epoch, in float64."""
    expected = TRAJECTORIES[name]
    with jax.enable_x64(True):
        losses, logits, statistics = train_recipe_network(name, expected["learning_rates"])
        np.testing.assert_allclose(losses, expected["losses"], rtol=1e-6)
        scale = np.abs(expected["logits_after"]).max()
        np.testing.assert_allclose(logits, expected["logits_after"], rtol=0, atol=1e-6 * scale)
        for key, values in statistics.items():
            np.testing.assert_allclose(values, expected[f"bn1_{key}_after"], rtol=1e-6, atol=1e-9)


def train_recipe_network(name: str, expected_rates: list[float]):
    """Losses of 4 epochs over 3 batches, then logits of 4 images and statistics of the stem."""
    epochs, batches = 4, [slice(0, 24), slice(24, 48), slice(48, 56)]
    images = jnp.float64(recipe_images(56))
    labels = np.random.default_rng(1).integers(0, 10, 56)
    _, apply = functional(name, compute_dtype=jnp.float64)
    _, parameters, state = nnx.split(
        recipe_network(name, compute_dtype=jnp.float64), nnx.Param, ...
    )
    parameters, state = nnx.to_pure_dict(parameters), nnx.to_pure_dict(state)
    parameters["linear"]["weight"] *= 0.05
    optimizer = optax.chain(optax.add_decayed_weights(5e-4), optax.trace(0.9))
    momentum = optimizer.init(parameters)

    @jax.jit
    def step(parameters, state, momentum, images, labels, rate):
        def loss(parameters):
            logits, new_state = apply(parameters, state, images, True)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses.mean(), new_state

        (value, state), gradient = jax.value_and_grad(loss, has_aux=True)(parameters)
        update, momentum = optimizer.update(gradient, momentum, parameters)
        parameters = jax.tree.map(lambda value, change: value - rate * change, parameters, update)
        return parameters, state, momentum, value

    losses = []
    for epoch in range(epochs):
        rate = 0.5 * 0.05 * (1 + math.cos(math.pi * epoch / epochs))
        for batch in batches:
            assert rate == pytest.approx(expected_rates[len(losses)])
            parameters, state, momentum, value = step(
                parameters, state, momentum, images[batch], labels[batch], rate
            )
            losses.append(float(value))
    logits = jax.jit(apply, static_argnums=3)(parameters, state, images[:4], False)[0]
    return losses, logits, state["bn1"]
