"""Reads reference.json, and fills networks with the weights for which it holds the logits."""

import json
from pathlib import Path

import jax

from rcjax.models import create, load_torch_state_dict
from rcjax.models.layers import Network

from ..recipe import recipe_state_dict

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text())
NORM_TENSORS = ("weight", "bias", "running_mean", "running_var")


def reference_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the `state_dict` of a published network."""
    shapes = {}
    for module, description in REFERENCE[name]["modules"].items():
        if description.startswith("norm "):
            shape = (int(description.removeprefix("norm ")),)
            shapes.update({f"{module}.{tensor}": shape for tensor in NORM_TENSORS})
            shapes[f"{module}.num_batches_tracked"] = ()
            continue
        if description.startswith("tensor "):
            sizes = description.removeprefix("tensor ").split("x")
            shapes[module] = tuple(map(int, sizes))
            continue
        sizes, *bias = description.split()
        shape = tuple(map(int, sizes.split("x")))
        shapes[f"{module}.weight"] = shape
        if bias:
            shapes[f"{module}.bias"] = shape[:1]
    return shapes


def recipe_network(name: str, **options) -> Network:
    """The published network with the recipe's weights, in evaluation mode."""
    model = create(name, **options)
    load_torch_state_dict(model, recipe_state_dict(reference_shapes(name)))
    return model


def logits_of(model: Network, images) -> jax.Array:
    return jax.jit(lambda images: model(images))(images)
