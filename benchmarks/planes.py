"""Planes: the adaptive count beside grids, exact planes, and many networks at once.

    python benchmarks/planes.py [--planes=64] [--repeats=3]

Networks are those of plane_agreement.py, trained on digits, and a convolutional one with a skip
connection. Seconds are of the processor, all cores together, after a first count that compiles.
"""

import argparse
import functools
import time

import jax
import numpy as np
from measuring import interleaved, machine, ratio, spread
from plane_agreement import CLASSES, FAMILIES, network_of, perceptron, trained

from rcjax import count_regions, data, slices

SEED = 500
NETWORKS = 20
EXACT_PLANES = 2


def planes_of(images: np.ndarray, count: int) -> np.ndarray:
    """Anchors [count, 3, *features]."""
    return np.asarray(slices.between_points(jax.random.key(SEED), images, count=count, dim=2))


def beside_grids(name: str, planes: int, repeats: int) -> None:
    """Adaptive beside all 513 points and the paper's 10 points per axis."""
    predict, images, _ = network_of(FAMILIES[name], 0, SEED)
    count = functools.partial(count_regions, predict, planes_of(images, planes))
    ways = {
        "adaptive": functools.partial(count, method="adaptive"),
        "513 points": functools.partial(count, points=513),
        "10 points": count,
    }
    found = {way: function() for way, function in ways.items()}
    seconds = interleaved(ways, repeats, clock=time.process_time)
    for way, result in found.items():
        equal = (result.counts == found["513 points"].counts).mean()
        print(
            f"{name}, {way}: {result.evaluations / planes:.0f} evaluations a plane, "
            f"{spread([1e3 * s / planes for s in seconds[way]])} ms a plane, "
            f"over adaptive {ratio(seconds[way], seconds['adaptive'])}, "
            f"mean {result.mean:.3f}, equal to 513 points {equal:.3f}",
            flush=True,
        )


def residual(layers, points):
    """Float [points, classes]: a convolution, a block with a skip connection, means, two layers."""
    kinds = ("NHWC", "HWIO", "NHWC")

    def convolved(layer, x):
        weights, bias = layer
        return jax.lax.conv_general_dilated(
            x, weights, (1, 1), "SAME", dimension_numbers=kinds
        ) + bias  # fmt: skip

    hidden = jax.nn.relu(convolved(layers[0], points))
    inner = convolved(layers[2], jax.nn.relu(convolved(layers[1], hidden)))
    hidden = jax.nn.relu(hidden + inner)
    pooled = hidden.reshape(len(points), 4, 2, 4, 2, -1).mean(axis=(2, 4))
    return perceptron(jax.nn.relu, layers[3:], pooled)


def residual_network():
    """A trained network with a skip connection, and its images."""
    random = np.random.default_rng(SEED)
    loaded = data.load("digits")
    images = np.asarray(data.normalize(loaded.train_images, loaded.mean, loaded.std))
    shapes = [(3, 3, 1, 4), (3, 3, 4, 4), (3, 3, 4, 4), (64, 32), (32, CLASSES)]
    layers = [
        (
            random.normal(size=s).astype("float32") * np.float32((2 / np.prod(s[:-1])) ** 0.5),
            np.zeros(s[-1], np.float32),
        )
        for s in shapes
    ]
    labels, key = np.asarray(loaded.train_labels), jax.random.key(SEED)
    layers = trained(residual, layers, images, labels, 2_000, 2e-3, key)
    return jax.tree_util.Partial(residual, layers), images


def exact(repeats: int) -> None:
    """Linear pieces a second."""
    networks = {
        "perceptron": network_of(FAMILIES["digits, perceptron"], 0, SEED)[:2],
        "memoriser": network_of(FAMILIES["memorisers, digits"], 0, SEED)[:2],
        "convolutions with a skip": residual_network(),
    }
    for name, (predict, images) in networks.items():
        count = functools.partial(
            count_regions, predict, planes_of(images, EXACT_PLANES), method="exact"
        )
        result = count()
        seconds = interleaved({name: count}, repeats, 0, clock=time.process_time)[name]
        pieces = int(result.linear_regions.sum())
        print(
            f"exact, {name}: {pieces / EXACT_PLANES:.0f} linear pieces a plane, "
            f"{spread([s / EXACT_PLANES for s in seconds])} s a plane, "
            f"{spread([pieces / s for s in seconds])} pieces a second, "
            f"{result.evaluations / pieces:.2f} evaluations a piece, complete: "
            f"{result.complete.all()}",
            flush=True,
        )


def many_networks(planes: int, repeats: int) -> None:
    """Networks that differ in their weights, in one call and one by one."""
    random = np.random.default_rng(SEED)
    images = random.normal(size=(500, 40)).astype("float32")
    anchors = planes_of(images, planes)
    layers = [
        (random.normal(size=(NETWORKS, *s)) * (2 / s[0]) ** 0.5).astype("float32")
        for s in ((40, 100), (100, 100), (100, CLASSES))
    ]

    def predict(layers, points):
        for weights in layers[:-1]:
            points = jax.nn.relu(points @ weights)
        return points @ layers[-1]

    def together():
        return count_regions(predict, anchors, method="adaptive", parameters=layers)

    def one_by_one():
        each = [[weights[k] for weights in layers] for k in range(NETWORKS)]
        return [
            count_regions(jax.tree_util.Partial(predict, one), anchors, method="adaptive")
            for one in each
        ]

    start = time.process_time()
    found = together()
    first = time.process_time() - start
    ways = {"together": together, "one by one": one_by_one}
    seconds = interleaved(ways, repeats, clock=time.process_time)
    print(
        f"{NETWORKS} networks x {planes} planes: {found.evaluations.mean() / planes:.0f} "
        f"evaluations a plane, first {first:.1f} s, {spread(seconds['together'])} s, "
        f"one by one over together {ratio(seconds['one by one'], seconds['together'])}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--planes", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(machine())
    for name in ("digits, perceptron", "digits, convolutions", "memorisers, digits"):
        beside_grids(name, arguments.planes, arguments.repeats)
    exact(arguments.repeats)
    many_networks(arguments.planes, arguments.repeats)


if __name__ == "__main__":
    main()
