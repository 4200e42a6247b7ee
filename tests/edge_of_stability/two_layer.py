"""Two-layer networks in plain float64 numpy: what the compiled code is compared with."""

import numpy as np


def random_layers(seed, width=12, dim=1, scale=1.0):
    """Hidden weights [width, dim], hidden biases, output weights, output bias."""
    random = np.random.default_rng(seed)
    return (
        scale * random.standard_normal((width, dim)),
        scale * random.standard_normal(width),
        scale * random.standard_normal(width),
        random.standard_normal(),
    )


def outputs(layers, points):
    weights, biases, output_weights, output_bias = layers
    return np.maximum(points @ weights.T + biases, 0) @ output_weights + output_bias


def dense_hessian(layers, points, labels, loss):
    """Of the mean loss, with respect to (weights, biases, output weights, output bias)."""
    weights, biases, output_weights, _ = layers
    width, dim = weights.shape
    size = width * (dim + 2) + 1
    f = outputs(layers, points)
    if loss == "squared":
        first, second = f - labels, np.ones_like(f)
    else:
        chance = 1 / (1 + np.exp(labels * f))
        first, second = -labels * chance, chance * (1 - chance)
    hessian = np.zeros((size, size))
    for x, slope, curvature in zip(points, first, second, strict=True):
        on = (weights @ x + biases > 0).astype(float)
        by_weight = (output_weights * on)[:, None] * x
        gradient = np.concatenate(
            [by_weight.ravel(), output_weights * on, np.maximum(weights @ x + biases, 0), [1.0]]
        )
        hessian += curvature * np.outer(gradient, gradient)
        for k in range(width):
            out = width * (dim + 1) + k
            for row, value in [(k * dim + d, x[d]) for d in range(dim)] + [(width * dim + k, 1.0)]:
                hessian[row, out] += slope * on[k] * value
                hessian[out, row] += slope * on[k] * value
    return hessian / len(points)
