"""Margins by brute force over examples and classes."""

import jax
import numpy as np
import pytest

from rcjax.measures import Settings, compute
from rcjax.measures.layers import layer_norms

from .tiny import CHANNELS, CLASSES, SIZE, apply, tiny_network

KEY = jax.random.key(0)
NAMES = [
    "output_margin",
    "distance_over_margin",
    "input_margin",
    "input_gradient_norm",
    "spectrally_normalized_margin",
    "log_spectral_complexity",
]


def tenth_percentile(values):
    """Linear between order statistics."""
    ordered = sorted(values)
    place = 0.1 * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (ordered[low + 1] - ordered[low])


@pytest.mark.parametrize("seed", [0, 1])
def test_margins_of_every_example(seed):
    network = tiny_network(seed, examples=41)

    def logits(image):
        return apply(network.parameters, network.model_state, image[None], False)[0][0]

    margins, slopes = [], []
    all_logits = np.float64(jax.jit(jax.vmap(logits))(network.images))
    jacobians = np.float64(jax.jit(jax.vmap(jax.jacrev(logits)))(network.images))
    for values, jacobian, label in zip(all_logits, jacobians, network.labels, strict=True):
        rival = max((k for k in range(CLASSES) if k != label), key=values.__getitem__)
        margins.append(values[label] - values[rival])
        slopes.append(np.linalg.norm((jacobian[label] - jacobian[rival]).ravel()))
    assert min(margins) < 0 < max(margins)

    # Batches of 14: the last has an example that must not count.
    found = compute(network, NAMES, key=KEY, settings=Settings(batch_size=20))
    margin = tenth_percentile(margins)
    image = (SIZE, SIZE, CHANNELS)
    norms = layer_norms(apply, network.parameters, network.model_state, image, KEY)
    spectral, frobenius = (np.float64(values) for values in norms)
    assert found["output_margin"] == pytest.approx(margin, rel=1e-4)
    ratios = np.array(margins) / np.array(slopes)
    assert found["input_margin"] == pytest.approx(tenth_percentile(ratios), rel=1e-4)
    assert found["input_gradient_norm"] == pytest.approx(np.mean(slopes), rel=1e-4)
    leaves = zip(
        *map(jax.tree.leaves, (network.parameters, network.initial_parameters)), strict=True
    )
    distance = np.sqrt(sum(np.sum((np.float64(a) - np.float64(b)) ** 2) for a, b in leaves))
    assert found["distance_over_margin"] == pytest.approx(distance / margin, rel=1e-4)
    normalized = margin / np.prod(spectral)
    assert found["spectrally_normalized_margin"] == pytest.approx(normalized, rel=1e-4)
    complexity = np.prod(spectral) * np.sqrt(np.sum(frobenius**2 / spectral**2)) / margin
    assert found["log_spectral_complexity"] == pytest.approx(np.log(complexity), rel=1e-4)


def test_a_network_that_misclassifies_a_tenth_has_no_log_of_its_margin():
    network = tiny_network(0)
    wrong = (network.labels + 1) % CLASSES
    network = type(network)(**{**vars(network), "labels": wrong})
    found = compute(network, NAMES, key=KEY)
    assert found["output_margin"] < 0
    assert np.isnan(found["log_spectral_complexity"])
    assert np.isnan(found["distance_over_margin"])
