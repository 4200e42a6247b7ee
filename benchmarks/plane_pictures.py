"""Draws docs/figures/planes.png and regions.png: one plane of a network, and regions of planes.

    python benchmarks/plane_pictures.py FOLDER

planes.png: a perceptron with three classes memorises 120 points of two features whose labels are
random; its plane by raster, mesh and polygons, triangles and linear pieces in thin lines. Prints
the counts of the parallelogram around the middle, of 3.6 by 3.6. The last bits of training, and so
the counts, differ between processors. regions.png: what `regions=True` keeps of a triangle.
"""

import functools
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.collections import PolyCollection

from rcjax import count_regions
from rcjax.plotting import colour_of, draw_slice
from rcjax.plotting.picture import Picture

PICTURES = {
    "raster, 10 x 10 points": {"points": 10},
    "raster, 513 x 513 points": {"points": 513},
    "adaptive mesh": {"method": "adaptive"},
    "exact polygons": {"method": "exact"},
}
DRAWN = np.array([[-1.5, -1.5], [1.5, -1.5], [-1.5, 1.5]], np.float32)
MARGIN = 0.2  # of a picture, beyond its anchors
COUNTED = np.array([[[0, 0], [1.8, 0], [0, 1.8]]], np.float32)
TRIANGLE = np.array([[-1.9, -1.4], [-0.2, -1.5], [-1.0, 0.35]], np.float32)


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


def by_feature(anchors, polygon):
    """Corners [k, 2] in coordinates of a plane as points of two features."""
    return anchors[0] + polygon @ (anchors[1:] - anchors[0])


def draw_parts(predict, ax, method):
    """The triangles of a mesh, or the linear pieces, in thin lines."""
    options = {"method": method, "extent": (-MARGIN, 1 + MARGIN), "regions": True}
    (regions,) = count_regions(predict, DRAWN[None], **options).regions
    parts = [by_feature(DRAWN, part) for polygons in regions.polygons for part in polygons]
    ax.add_collection(PolyCollection(parts, facecolor="none", edgecolor="black", linewidth=0.15))


def ways(predict):
    """The plane by raster, mesh and polygons."""
    picture = Picture(figsize=(10, 9.2), layout="constrained")
    for ax, (title, options) in zip(picture.subplots(2, 2).ravel(), PICTURES.items(), strict=True):
        draw_slice(predict, DRAWN, ax=ax, title=title, margin=MARGIN, **options)
        if "method" in options:
            draw_parts(predict, ax, options["method"])
        print(title, count_regions(predict, COUNTED, extent=(-1, 1), **options), sep="\n")
    return picture


def regions_of_triangle(predict):
    """A triangle with a number on every region, and the share of each as a bar."""
    (regions,) = count_regions(predict, TRIANGLE[None], method="exact", regions=True).regions
    picture = Picture(figsize=(10, 4.2), layout="constrained")
    plane, bars = picture.subplots(1, 2)
    order = np.argsort(-regions.shares)
    for rank, region in enumerate(order, start=1):
        color = colour_of(int(regions.labels[region]))
        parts = [by_feature(TRIANGLE, part) for part in regions.polygons[region]]
        plane.add_collection(PolyCollection(parts, facecolor=color, edgecolor=color))
        largest = max(parts, key=lambda part: np.ptp(part[:, 0]) * np.ptp(part[:, 1]))
        plane.text(*largest.mean(axis=0), str(rank), ha="center", va="center", fontsize=9)
        bars.barh(rank, regions.shares[region], color=color)
        near = sorted(1 + int(np.flatnonzero(order == k)[0]) for k in touching(regions, region))
        bars.text(regions.shares[region] + 0.01, rank, f"beside {str(near)[1:-1]}", va="center")
    plane.set(xlabel="feature 0", ylabel="feature 1", aspect="equal", title="regions of a triangle")
    plane.autoscale_view()
    bars.set(
        ylabel="region", yticks=range(1, len(regions) + 1), xlim=(0, 1.7 * regions.shares.max()),
        xlabel="share of the triangle", title=f"entropy {regions.entropy:.3f}",
    )  # fmt: skip
    bars.invert_yaxis()
    print(f"{len(regions)} regions, entropy {regions.entropy:.3f}")
    return picture


def touching(regions, region):
    """The neighbours of a region."""
    pairs = regions.neighbours[(regions.neighbours == region).any(axis=1)]
    return pairs[pairs != region]


def main():
    folder, predict = Path(sys.argv[1]), functools.partial(scores, trained())
    ways(predict).savefig(folder / "planes.png", dpi=80)
    regions_of_triangle(predict).savefig(folder / "regions.png", dpi=80)


if __name__ == "__main__":
    main()
