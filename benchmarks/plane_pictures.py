"""Draws docs/figures/planes.png: one plane of a trained network by raster, mesh and polygons.

    python benchmarks/plane_pictures.py FILE.png

A perceptron with three classes memorises 120 points of two features whose labels are random. The
counts that it prints are of the parallelogram around the middle, of 3.6 by 3.6.
"""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

from rcjax import count_regions
from rcjax.plotting import draw_slice
from rcjax.plotting.picture import Picture

PICTURES = {
    "raster, 10 x 10 points": {"points": 10},
    "raster, 513 x 513 points": {"points": 513},
    "adaptive mesh": {"method": "adaptive"},
    "exact polygons": {"method": "exact"},
}
DRAWN = np.array([[-1.5, -1.5], [1.5, -1.5], [-1.5, 1.5]], np.float32)
COUNTED = np.array([[[0, 0], [1.8, 0], [0, 1.8]]], np.float32)


def scores(layers, points):
    """Float [points, 3]."""
    for weights, bias in layers[:-1]:
        points = jnp.maximum(points @ weights + bias, 0)
    return points @ layers[-1][0] + layers[-1][1]


def trained(steps=1500):
    """Layers of a perceptron 2-64-64-3."""
    random = np.random.default_rng(3)
    points = random.normal(size=(120, 2)).astype(np.float32)
    labels = random.integers(0, 3, 120)
    shapes = ((2, 64), (64, 64), (64, 3))
    weights = [random.normal(size=s).astype(np.float32) * (2 / s[0]) ** 0.5 for s in shapes]
    layers = [(w, np.zeros(w.shape[1], np.float32)) for w in weights]
    optimizer = optax.adam(1e-2)

    def loss(layers):
        found = scores(layers, points)
        return optax.softmax_cross_entropy_with_integer_labels(found, labels).mean()

    def step(state, _):
        layers, moments = state
        updates, moments = optimizer.update(jax.grad(loss)(layers), moments)
        return (optax.apply_updates(layers, updates), moments), None

    run = jax.jit(lambda state: jax.lax.scan(step, state, None, length=steps)[0])
    return run((layers, optimizer.init(layers)))[0]


def main():
    predict = functools.partial(scores, trained())
    picture = Picture(figsize=(10, 9.2), layout="constrained")
    for ax, (title, options) in zip(picture.subplots(2, 2).ravel(), PICTURES.items(), strict=True):
        draw_slice(predict, DRAWN, ax=ax, title=title, **options)
        print(title, count_regions(predict, COUNTED, extent=(-1, 1), **options), sep="\n")
    picture.savefig(sys.argv[1], dpi=80)


if __name__ == "__main__":
    main()
