"""Sharpness against the dense Hessian of a small network, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from rcjax.measures import Settings, TrainedNetwork, compute
from rcjax.models import functional

KEY = jax.random.key(7)


@pytest.fixture(scope="module")
def small():
    """A float64 mlp on 11 images, with its loss as a function of the vector of parameters."""
    with jax.enable_x64(True):
        init, apply = functional(
            "mlp", width=5, image_size=2, channels=1, num_classes=3, compute_dtype=jnp.float64
        )
        parameters, state = init(jax.random.key(0))
        random = np.random.default_rng(0)
        images, labels = random.normal(size=(11, 2, 2, 1)), random.integers(3, size=11)
        network = TrainedNetwork(apply, parameters, state, parameters, images, labels)
        flat, restore = ravel_pytree(parameters)

        def loss(flat):
            logits, _ = apply(restore(flat), state, images, False)
            return -jnp.mean(jax.nn.log_softmax(logits)[np.arange(11), labels])

        yield network, loss, flat, np.asarray(jax.hessian(loss)(flat))


def measure(network, name, **settings):
    with jax.enable_x64(True):
        # Batches of 4: the last has an example that must not count.
        chosen = Settings(batch_size=4, **settings)
        return compute(network, [name], key=KEY, settings=chosen)[name]


def test_largest_eigenvalue_is_that_of_the_dense_hessian(small):
    network, _, flat, dense = small
    value = measure(network, "hessian_largest_eigenvalue", lanczos_iterations=len(flat))
    assert value == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=1e-9)


def test_trace_is_within_its_own_standard_error_of_the_dense_trace(small):
    network, _, flat, dense = small

    def measured(**settings):
        with jax.enable_x64(True):
            chosen = Settings(batch_size=4, **settings)
            found = []
            compute(
                network,
                ["hessian_trace"],
                key=KEY,
                settings=chosen,
                note=lambda *n: found.append(n),
            )
        ((_, value, error),) = found
        return value, error

    value, error = measured(trace_directions=4, precision=0.05, hutchinson_probes=500)
    assert error <= 0.05 * value
    assert abs(value - np.trace(dense)) < 3 * error
    # The few directions take most of the noise: probes alone would have this error.
    off_diagonal = np.sum(dense**2) - np.sum(np.diag(dense) ** 2)
    value, error = measured(trace_directions=4, hutchinson_probes=100, precision=1e-9)
    assert error < 0.7 * np.sqrt(2 * off_diagonal / 100)
    value, _ = measured(trace_directions=len(flat), hutchinson_probes=10)
    assert value == pytest.approx(np.trace(dense), rel=1e-6)


def test_worst_loss_in_a_ball_beats_random_directions_and_nears_the_quadratic_maximum(small):
    network, loss, flat, dense = small
    radius = 0.01
    value = measure(network, "sam_sharpness", sam_radius=radius, sam_steps=20)
    gradient = np.asarray(jax.grad(loss)(flat))
    # The maximum of g e + e H e / 2 on the sphere: (multiplier - H) e = g, by bisection.
    values, vectors = np.linalg.eigh(dense)
    rotated = vectors.T @ gradient
    low, high = values[-1] + 1e-12, values[-1] + 1e6
    for _ in range(200):
        middle = (low + high) / 2
        longer = np.linalg.norm(rotated / (middle - values)) > radius
        low, high = (middle, high) if longer else (low, middle)
    step = rotated / (high - values)
    best = rotated @ step + step @ (values * step) / 2
    assert value == pytest.approx(best, rel=2e-3)  # what third order leaves
    directions = np.random.default_rng(1).normal(size=(100, len(flat)))
    directions *= radius / np.linalg.norm(directions, axis=1, keepdims=True)
    assert value > max(float(loss(flat + d) - loss(flat)) for d in directions)
