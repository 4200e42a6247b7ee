"""Reads reference.json, and fills networks with the weights for which it holds the logits."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rcjax.models import load_torch_state_dict
from rcjax.models.builder import Builder, NetworkSettings
from rcjax.models.layers import Network
from rcjax.models.registry import Shape, published_width

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


# The compiler's quickest settings, with what tests/conftest.py sets for all.
COMPILER = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def blank(name: str, compute_dtype: Any = np.float32, **sizes: int) -> Network:
    """The network with zeros for weights, which takes no compilation, in evaluation mode."""
    published = {
        "num_classes": 10, "width": published_width(name), "channels": 3, "image_size": 32
    }  # fmt: skip
    builder = Builder(NetworkSettings(np.dtype(compute_dtype)))
    model = Shape(name=name, **(published | sizes)).build(builder)
    model.eval()
    return model


def recipe_network(name: str, compute_dtype: Any = np.float32) -> Network:
    """The published network with the recipe's weights, in evaluation mode."""
    model = blank(name, compute_dtype, channels=REFERENCE[name].get("channels", 3))
    load_torch_state_dict(model, recipe_state_dict(reference_shapes(name)))
    return model


def logits_of(model: Network, images: np.ndarray) -> np.ndarray:
    """Logits float32 [n, classes]."""
    return np.asarray(jax.jit(lambda images: model(images), compiler_options=COMPILER)(images))
