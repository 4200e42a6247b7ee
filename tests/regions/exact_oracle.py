"""Independent float64 numpy oracles for the exact method (no JAX)."""

import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def random_mlp(sizes, seed, scale=1.5):
    """Weights and biases of a random MLP: list of (float32 [a, b], float32 [b])."""
    random = np.random.default_rng(seed)
    return [
        (
            np.float32(random.normal(size=(a, b)) * scale / np.sqrt(a)),
            np.float32(random.normal(size=b) * 0.5),
        )
        for a, b in itertools.pairwise(sizes)
    ]


def forward(layers, points):
    """Scores [n, classes] of a ReLU MLP, and its signs [n, units]."""
    values, signs = np.asarray(points, np.float64), []
    for weight, bias in layers[:-1]:
        values = values @ weight.astype(np.float64) + bias
        signs.append(values >= 0)
        values = np.maximum(values, 0)
    weight, bias = layers[-1]
    return values @ weight.astype(np.float64) + bias, np.concatenate(signs, axis=1)


def on_segment(segment, positions):
    """Points [n, *features] of a segment [2, *features]."""
    segment = np.asarray(segment, np.float64)
    shape = (-1,) + (1,) * (segment.ndim - 1)
    return segment[0] + np.reshape(positions, shape) * (segment[1] - segment[0])


def mlp_breakpoints(layers, segment):
    """All positions where a unit of a ReLU MLP changes its sign, layer after layer.

    Within the pieces of the layers below, every unit is linear: two values give its root.
    """
    edges = np.array([0.0, 1.0])
    for depth in range(1, len(layers)):
        units = layers[:depth]
        ends = _preactivation(units, on_segment(segment, edges))
        low, high = ends[:-1], ends[1:]
        crosses = (low >= 0) != (high >= 0)
        share = np.where(crosses, low, 0) / np.where(crosses, low - high, 1)
        roots = edges[:-1, None] + share * np.diff(edges)[:, None]
        edges = np.unique(np.concatenate([edges, roots[crosses]]))
    return edges[1:-1]


def _preactivation(layers, points):
    values = points
    for index, (weight, bias) in enumerate(layers):
        values = (np.maximum(values, 0) if index else values) @ weight.astype(np.float64) + bias
    return values


def changes(rows):
    """Number of positions at which consecutive rows (or labels) differ."""
    rows = np.asarray(rows).reshape(len(rows), -1)
    return int((rows[1:] != rows[:-1]).any(axis=1).sum())


def convolve(images, kernel):
    """Same-padded 3x3 convolution: [n, h, w, c] and [3, 3, c, d] -> [n, h, w, d]."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("nhwcij,ijcd->nhwd", windows, kernel.astype(np.float64), optimize=True)


def pooled(images):
    """2x2 max-pooling: the maxima, and the position of the first maximum in each window."""
    n, h, w, c = images.shape
    windows = images.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
    windows = windows.reshape(*windows.shape[:4], 4)
    return windows.max(axis=-1), windows.argmax(axis=-1)
