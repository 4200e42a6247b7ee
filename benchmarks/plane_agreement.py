"""Does `method="adaptive"` count planes as a grid of 513 points per axis does, on unseen networks?

    python benchmarks/plane_agreement.py [--seed=100] [--networks=8] [--planes=16] [--family=NAME]
        [--budget=10000] [--safety=2]

Trains small networks of several families (ReLU, GELU, tanh and SiLU in turn), draws planes through
three of their training images, and counts these by the adaptive method, by all 131,841 points and
by the paper's 10 points per axis; all three join diagonals. Planes on which the adaptive method and
513 points differ are listed, with the tips of regions that the grid breaks off. Fifteen minutes
of processor time.

No constant of the method was chosen on these networks. Labels of memorisers are random, those of
"few steps" are learned for 30 steps, those of "rate 0.3" at that learning rate.
docs/region_count.md has the result.
"""

import argparse
import functools
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from measuring import machine
from scipy import ndimage

from rcjax import RegionCounts, count_regions, data, slices

ACTIVATIONS = (jax.nn.relu, jax.nn.gelu, jax.nn.tanh, jax.nn.silu)
CLASSES = 10
BATCH = 128
LEAST_CERTAIN = 20  # planes, below which their share says nothing
GRID = 513  # points per axis
MOST_ZOOMED = 50  # regions of a plane whose tips are looked for, 1.4 million points an island


class Family(NamedTuple):
    """How the networks of a family are made."""

    dataset: str
    convolution: bool = False
    examples: int = 1_200
    random_labels: bool = False
    steps: int = 2_000
    rate: float = 2e-3


FAMILIES = {
    "digits, perceptron": Family("digits"),
    "digits, convolutions": Family("digits", convolution=True),
    "MNIST-1D, perceptron": Family("mnist1d", examples=4_000, steps=4_000),
    "memorisers, digits": Family("digits", examples=400, random_labels=True),
    "memorisers, convolutions": Family("digits", True, examples=400, random_labels=True),
    "memorisers, MNIST-1D": Family("mnist1d", examples=400, random_labels=True),
    "few steps": Family("digits", steps=30),
    "rate 0.3": Family("digits", rate=0.3, steps=300),
}


def perceptron(activation, layers, points):
    """Float [points, classes]."""
    points = points.reshape(len(points), -1)
    for weights, bias in layers[:-1]:
        points = activation(points @ weights + bias)
    return points @ layers[-1][0] + layers[-1][1]


def convolutional(activation, layers, points):
    """Float [points, classes]: two convolutions of 3 x 3 pixels, the second of every other one."""
    kinds = ("NHWC", "HWIO", "NHWC")
    for stride, (weights, bias) in zip((1, 2), layers[:2], strict=True):
        points = jax.lax.conv_general_dilated(
            points, weights, (stride, stride), "SAME", dimension_numbers=kinds
        )
        points = activation(points + bias)
    return perceptron(activation, layers[2:], points)


def initial_layers(random: np.random.Generator, family: Family, features: int):
    """Weights and biases; widths of 48 to 112 by chance."""
    width = int(random.integers(48, 113))
    shapes = [(features, width), (width, width), (width, CLASSES)]
    if family.convolution:
        shapes = [(3, 3, 1, 8), (3, 3, 8, 16), (256, width), (width, CLASSES)]
    return [
        (
            random.normal(size=s).astype("float32") * np.float32((2 / np.prod(s[:-1])) ** 0.5),
            np.zeros(s[-1], np.float32),
        )
        for s in shapes
    ]


@functools.partial(jax.jit, static_argnums=(0, 4, 5))
def trained(network, layers, points, labels, steps, rate, key):
    """Layers after that many steps of Adam on batches drawn from the points."""
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def loss(layers, batch):
        scores = network(layers, points[batch])
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels[batch]).mean()

    def step(state, step_key):
        layers, moments = state
        batch = jax.random.randint(step_key, (BATCH,), 0, len(points))
        updates, moments = optimizer.update(jax.grad(loss)(layers, batch), moments)
        return (optax.apply_updates(layers, updates), moments), None

    keys = jax.random.split(key, steps)
    return jax.lax.scan(step, (layers, optimizer.init(layers)), keys)[0][0]


def network_of(family: Family, index: int, seed: int):
    """A trained network, its training images and its accuracy on them."""
    random = np.random.default_rng((seed, index))
    loaded = data.load(family.dataset)
    images = np.asarray(data.normalize(loaded.train_images, loaded.mean, loaded.std))
    chosen = random.choice(len(images), family.examples, replace=False)
    images, labels = images[chosen], np.asarray(loaded.train_labels)[chosen]
    if family.random_labels:
        labels = random.integers(0, CLASSES, len(labels))
    form = convolutional if family.convolution else perceptron
    network = jax.tree_util.Partial(form, ACTIVATIONS[index % len(ACTIVATIONS)])
    layers = initial_layers(random, family, images[0].size)
    key = jax.random.key(int(random.integers(2**31)))
    layers = trained(network, layers, images, labels, family.steps, family.rate, key)
    predict = jax.tree_util.Partial(network, layers)
    accuracy = float((np.asarray(predict(jnp.asarray(images))).argmax(axis=1) == labels).mean())
    return predict, images, accuracy


class Found(NamedTuple):
    """Counts int [planes] of one family, and what they took."""

    adaptive: np.ndarray
    uncertain: np.ndarray
    fine: np.ndarray
    paper: np.ndarray
    evaluations: np.ndarray
    accuracy: list[float]
    differing: list[str]


def counted(family: Family, networks: int, planes: int, seed: int, **options) -> Found:
    """All planes of all networks of a family; `options` are of the adaptive method."""
    adaptively = functools.partial(count_regions, method="adaptive", **options)
    adaptive: list[RegionCounts] = []
    fine, paper, accuracy = [], [], []
    differing: list[str] = []
    for index in range(networks):
        predict, images, correct = network_of(family, index, seed)
        key = jax.random.key(seed + index)
        anchors = np.asarray(slices.between_points(key, images, count=planes, dim=2))
        # One at a time, since a result adds the evaluations of its planes up.
        found = [adaptively(predict, plane[None]) for plane in anchors]
        adaptive += found
        fine.append(count_regions(predict, anchors, points=GRID).counts)
        differing += [
            f"network {index}, plane {plane}: {difference(predict, anchors[plane], mesh, grid)}"
            for plane, (mesh, grid) in enumerate(zip(found, fine[-1], strict=True))
            if mesh.counts[0] != grid
        ]
        paper.append(count_regions(predict, anchors).counts)
        accuracy.append(correct)
    return Found(
        np.concatenate([found.counts for found in adaptive]),
        np.concatenate([found.uncertain for found in adaptive]),
        np.concatenate(fine),
        np.concatenate(paper),
        np.array([found.evaluations for found in adaptive]),
        accuracy,
        differing,
    )


def difference(predict, plane: np.ndarray, adaptive: RegionCounts, fine: int) -> str:
    """Both counts of a plane, and how many regions of the grid are parts that it breaks off."""
    mark = "uncertain" if adaptive.uncertain[0] else "not marked"
    counts = f"adaptive {adaptive.counts[0]} ({mark}), 513 points {fine}"
    if fine > MOST_ZOOMED:
        return f"{counts}, too many to look for broken tips"
    return f"{counts}, {broken_tips(predict, plane)} of them broken tips"


def broken_tips(predict, plane: np.ndarray) -> int:
    """Islands of at most 4 grid points that belong to a larger region.

    Where three labels meet, a region may end in a tip thinner than the grid, which sees points of
    it apart from the rest. Points 50 times as dense, 12 steps far, show whether the label at an
    island goes on beyond.
    """
    labels = labels_at(predict, plane, np.arange(GRID), np.arange(GRID))
    near = np.arange(-600, 601) / 50
    tips = 0
    for label in np.unique(labels[labels >= 0]):
        parts, number = ndimage.label(labels == label, np.ones((3, 3)))
        sizes = np.bincount(parts.ravel(), minlength=number + 1)
        for part in 1 + np.flatnonzero(sizes[1:] <= 4):
            x, y = np.argwhere(parts == part)[0]
            zoomed = labels_at(predict, plane, x + near, y + near)
            island = ndimage.label(zoomed == label, np.ones((3, 3)))[0]
            island = island == island[600, 600]
            tips += bool(island[[0, -1]].any() or island[:, [0, -1]].any())
    return tips


def labels_at(predict, plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Int [len(x), len(y)] at positions in steps of the 513-point grid; -1 beyond the plane."""
    places = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2) / (GRID - 1)
    weights = np.concatenate([1 - places.sum(axis=1, keepdims=True), places], axis=1)
    inside = (weights >= 0).all(axis=1)
    labels = np.full(len(weights), -1)
    flat = plane.reshape(3, -1)
    for some in np.array_split(np.flatnonzero(inside), 1 + inside.sum() // 2**15):
        points = (weights[some].astype(np.float32) @ flat).reshape(-1, *plane.shape[1:])
        labels[some] = np.asarray(predict(points)).argmax(axis=1)
    return labels.reshape(len(x), len(y))


def bias(counts: np.ndarray, fine: np.ndarray) -> str:
    """Of the mean, in percent."""
    return f"{100 * (counts.mean() / fine.mean() - 1):+.2f}" if len(fine) else "-"


def row(name: str, found: Found) -> str:
    certain = ~found.uncertain
    right, paper_right = found.adaptive == found.fine, found.paper == found.fine
    share = f"{right[certain].mean():.3f}" if certain.sum() >= LEAST_CERTAIN else "-"
    cells = (
        name,
        f"{np.median(found.accuracy):.2f}",
        str(len(right)),
        f"{found.fine.mean():.2f}",
        f"{right.mean():.3f}",
        share,
        f"{found.uncertain.mean():.3f}",
        f"{bias(found.adaptive, found.fine)}",
        f"{bias(found.adaptive[certain], found.fine[certain])}",
        f"{found.evaluations.mean():.0f}",
        f"{np.quantile(found.evaluations, 0.95):.0f}",
        f"{paper_right.mean():.3f}",
        f"{bias(found.paper, found.fine)}",
    )
    return f"| {' | '.join(cells)} |"


def of_activation(found: list[Found], index: int) -> Found:
    """The planes of all networks with one activation."""
    networks = len(found[0].accuracy)
    chosen = np.arange(networks) % len(ACTIVATIONS) == index
    arrays = [
        np.concatenate([each[k].reshape(networks, -1)[chosen].ravel() for each in found])
        for k in range(5)
    ]
    fits = [fit for each in found for fit, this in zip(each.accuracy, chosen, strict=True) if this]
    return Found(*arrays, fits, [])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--planes", type=int, default=16)
    parser.add_argument("--family", choices=FAMILIES, help="one of them, in place of all")
    parser.add_argument("--budget", type=int, default=10_000, help="evaluations of a plane")
    parser.add_argument("--safety", type=float, default=2.0)
    arguments = parser.parse_args()
    print(machine())
    columns = (
        "family", "fits", "planes", "regions", "equal", "equal, certain", "uncertain", "bias %",
        "bias %, certain", "evaluations", "95th percentile", "paper equal", "paper bias %",
    )  # fmt: skip
    print(f"| {' | '.join(columns)} |")
    print("| --- |" + " --- |" * (len(columns) - 1))
    names = [arguments.family] if arguments.family else list(FAMILIES)
    every = []
    for name in names:
        every.append(
            counted(
                FAMILIES[name], arguments.networks, arguments.planes, arguments.seed,
                budget=arguments.budget, safety=arguments.safety,
            )
        )  # fmt: skip
        print(row(name, every[-1]), flush=True)
    for index, activation in enumerate(ACTIVATIONS):
        print(row(f"all of them, {activation.__name__}", of_activation(every, index)))
    for name, found in zip(names, every, strict=True):
        for line in found.differing:
            print(f"{name}, {line}")
    print(f"{time.process_time():.0f} s of processor time")


if __name__ == "__main__":
    main()
