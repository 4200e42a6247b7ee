"""Norms of the parameters as they are, batch norm not folded."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.measures.inputs import Arrays


class ParameterNorms(NamedTuple):
    """Euclidean norms over parameters w, which started as w0.

    norm: |w|, over all trained parameters.
    distance: |w - w0|, over all trained parameters.
    layer_distances: the sum over layers of |W - W0| (Frobenius), where W are the arrays named
        `weight` with two or more axes: kernels of convolutions and linear layers.
    """

    norm: float
    distance: float
    layer_distances: float


def parameter_norms(parameters: Arrays, initial: Arrays) -> ParameterNorms:
    """Norms of two nested dicts of arrays of the same structure, summed in float64."""
    distances = {
        jax.tree_util.keystr(path): _norm(leaf - first)
        for (path, leaf), first in zip(
            jax.tree_util.tree_leaves_with_path(_on_host(parameters)),
            jax.tree.leaves(_on_host(initial)),
            strict=True,
        )
    }
    kernels = {
        jax.tree_util.keystr(path)
        for path, leaf in jax.tree_util.tree_leaves_with_path(parameters)
        if jnp.ndim(leaf) > 1 and path[-1] == jax.tree_util.DictKey("weight")
    }
    return ParameterNorms(
        norm=math.hypot(*(_norm(leaf) for leaf in jax.tree.leaves(_on_host(parameters)))),
        distance=math.hypot(*distances.values()),
        layer_distances=math.fsum(distances[name] for name in kernels),
    )


def _on_host(arrays: Arrays) -> Arrays:
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), jax.device_get(arrays))


def _norm(array: np.ndarray) -> float:
    return float(np.linalg.norm(array.ravel()))
