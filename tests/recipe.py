"""Weights and inputs from a seed alone, for which reference numbers were computed with PyTorch.

Every tensor of a `state_dict` is filled from its key, its shape and the seed, so that a test needs
the expected numbers but no checkpoint.
"""

import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np


def recipe_tensor(key: str, shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """One tensor of the recipe, float32."""
    random = np.random.default_rng([seed, zlib.crc32(key.encode())])
    if key.endswith("num_batches_tracked"):
        values = np.zeros(shape)
    elif key.endswith("running_var") or (len(shape) == 1 and key.endswith(".weight")):
        values = random.uniform(0.5, 1.5, shape)
    elif len(shape) == 1:  # biases and running means
        values = 0.1 * random.standard_normal(shape)
    else:
        values = random.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
    return values.astype(np.float32)


def recipe_state_dict(shapes: Mapping[str, Sequence[int]], seed: int = 0) -> dict[str, np.ndarray]:
    """The recipe's `state_dict` for tensors of these keys and shapes."""
    return {key: recipe_tensor(key, shape, seed) for key, shape in shapes.items()}


def recipe_images(count: int, seed: int = 0, size: int = 32, channels: int = 3) -> np.ndarray:
    """The recipe's inputs, float32 [count, size, size, channels]."""
    images = np.random.default_rng(seed).standard_normal((count, channels, size, size))
    return images.astype(np.float32).transpose(0, 2, 3, 1)
