"""PAC-Bayes flatness of a linear classifier, whose accuracy under noise is known in closed form."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import ndtr

from rcjax.measures import Settings, TrainedNetwork, compute
from rcjax.measures.pac_bayes import _refined, largest_sigma

NAMES = ["flatness", "bound_origin", "bound_initialization"]
EXAMPLES, FEATURES = 100, 6


def linear_apply(parameters, state, images, train):
    """Logits w x and 0."""
    first = images.reshape(len(images), -1) @ parameters["weight"]
    return jnp.stack([first, jnp.zeros_like(first)], -1), state


@pytest.fixture(scope="module")
def linear():
    random = np.random.default_rng(0)
    weight = np.float32([2.0, -1.0, 0.5, 0.1, 0.0, 3.0])
    images = random.normal(size=(EXAMPLES, 1, 1, FEATURES)).astype(np.float32)
    scores = images.reshape(EXAMPLES, -1) @ weight
    labels = np.where(scores > 0, 0, 1)
    initial = {"weight": random.normal(size=FEATURES).astype(np.float32)}
    return TrainedNetwork(linear_apply, {"weight": weight}, {}, initial, images, labels)


def divergence(offset, variances, magnitude):
    """Between normal distributions, from its definition; the prior's variance is searched."""

    def of_prior(log_prior):
        prior = math.exp(log_prior)
        spread = np.sum(variances) / prior + offset @ offset / prior - len(offset)
        return (spread + len(offset) * log_prior - np.sum(np.log(variances))) / 2

    if not magnitude:
        return of_prior(math.log(variances[0]))
    return minimize_scalar(of_prior, bounds=(-20, 20), method="bounded").fun


@pytest.mark.parametrize("magnitude", [False, True])
def test_flatness_and_bounds_of_a_linear_classifier(linear, magnitude):
    weight, first = (
        np.float64(tree["weight"]) for tree in (linear.parameters, linear.initial_parameters)
    )
    points = np.float64(linear.images).reshape(EXAMPLES, -1)
    margins = np.abs(points @ weight)

    def variances(sigma):
        return (sigma * weight) ** 2 + 1e-6 if magnitude else np.full(FEATURES, sigma**2)

    def drop(sigma):
        return 1 - np.mean(ndtr(margins / np.sqrt(points**2 @ variances(sigma))))

    exact = brentq(lambda sigma: drop(sigma) - 0.1, 1e-3, 30)
    prefix = "pac_bayes_magnitude_" if magnitude else "pac_bayes_"
    names = [prefix + name for name in NAMES]
    errors = {}
    found = compute(
        linear,
        names,
        key=jax.random.key(1),
        settings=Settings(noise_samples=50, batch_size=60, precision=0.06),
        note=lambda name, value, error: errors.update({name: error}),
    )
    error = errors[names[0]] / found[names[0]]
    assert error <= 0.06
    assert found[names[0]] == pytest.approx(exact**-2, rel=3 * error)
    sigma = found[names[0]] ** -0.5
    for name, offset in ((names[1], weight), (names[2], weight - first)):
        information = divergence(offset, variances(sigma), magnitude)
        total = information / 2 + math.log(EXAMPLES / sigma) + 10
        assert found[name] == pytest.approx(math.sqrt(total / (EXAMPLES - 1)), rel=1e-4)


@pytest.mark.parametrize("limit", [2.0**-19.9, 2.0**-18.5, 0.01, 2.0**-6, 3.0, 2.0**5.9])
def test_search_finds_where_the_drop_passes_a_tenth(limit):
    found = largest_sigma(lambda sigma: 0.1 * sigma / limit)
    assert found <= limit < found * 2 ** (1 / 32 + 1e-9)


@pytest.mark.parametrize("limit", [2.0**-21.5, 2.0**-20.1, 2.0**6.1, 2.0**7.5])
def test_a_limit_outside_the_range_of_the_search_is_not_given(limit):
    assert math.isnan(largest_sigma(lambda sigma: 0.1 * sigma / limit))


@pytest.mark.parametrize("drop", [0.0, 0.2])
def test_a_drop_that_never_passes_has_no_sigma(drop):
    assert math.isnan(largest_sigma(lambda sigma: drop))


def test_the_stated_error_is_that_by_which_sigma_scatters():
    """Drops 1 - exp(-(a sigma)^2) with a lognormal a: as heavy in their tails as measured ones."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)

    def mean_drop(sigma):
        return 1 - weights @ np.exp(-((np.exp(nodes / 4) * sigma) ** 2)) / weights.sum()

    exact = brentq(lambda sigma: mean_drop(sigma) - 0.1, 0.01, 2)

    def drops(sigma, keys):  # equal keys draw equal numbers
        words = np.asarray(jax.random.key_data(keys)).ravel()
        normal = np.random.default_rng(words).standard_normal(len(keys))
        return 1 - np.exp(-((np.exp(normal / 4) * sigma) ** 2))

    scores = []
    for seed in range(60):
        start = exact * (1 + 0.1 * np.cos(seed))  # where a search by few draws ends
        sigma, error = _refined(start, drops, jax.random.key(seed), 20, 0.05)
        assert error < 0.05
        scores.append(((exact / sigma) ** 2 - 1) / error)
    assert 0.8 < np.std(scores) < 1.25
    assert abs(np.mean(scores)) < 0.4
