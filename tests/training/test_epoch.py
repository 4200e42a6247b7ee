"""One epoch: every example once, in an order that the key and the epoch decide."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.data import load
from rcjax.models import functional
from rcjax.runtime.devices import local_mesh
from rcjax.training.epoch import EpochSettings, epoch_function, make_epoch, no_sums
from rcjax.training.experiment import Experiment
from rcjax.training.inputs import InputSettings
from rcjax.training.optimizer import Optimizer
from rcjax.training.state import create_state

from .small_runs import small_run

EXAMPLES, BATCH_SIZE = 23, 5


def record_batches(parameters, model_state, images, train):
    """A network that notes the image it is shown: image i is filled with the value i."""
    shown = jnp.round(images[:, 0, 0, 0] * 255).astype(jnp.int32)
    seen = model_state["seen"].at[shown].add(1)
    order = jnp.roll(model_state["order"], -len(images)).at[-len(images) :].set(shown)
    logits = (
        jnp.stack([shown / EXAMPLES, jnp.full(len(images), 0.5)], axis=1) + parameters["bias"][None]
    )
    return logits, {"seen": seen, "order": order}


def init(key):
    state = {"seen": jnp.zeros(EXAMPLES, jnp.int32), "order": jnp.zeros(EXAMPLES, jnp.int32)}
    return {"bias": jnp.zeros(2)}, state


@pytest.fixture(scope="module")
def epochs():
    """State after each of two epochs, and their metrics."""
    optimizer = Optimizer()
    # With a learning rate of zero the parameters stay, so the metrics are known.
    numbers = dict.fromkeys(optimizer.names, jnp.float32(0.0))
    settings = EpochSettings(BATCH_SIZE, InputSettings(mean=(0.0,), std=(1.0,)))
    programs = make_epoch(record_batches, optimizer, settings, local_mesh())
    images = np.tile(np.arange(EXAMPLES, dtype=np.uint8)[:, None, None, None], (1, 2, 2, 1))
    labels = np.arange(EXAMPLES, dtype=np.int32) % 2
    state = create_state(init, optimizer, seed=0)
    results = []
    for _ in range(2):
        sums = no_sums(settings)
        for first, stop in ((0, 1), (1, EXAMPLES // BATCH_SIZE)):
            state, sums = programs.steps(state, sums, images, labels, numbers, first, stop)
        state, metrics = programs.end(state, sums, images, labels, numbers)
        results.append(jax.device_get((dict(state, key=None), metrics)))
    return results


def test_every_example_is_trained_once_an_epoch(epochs):
    for number, (state, _) in enumerate(epochs, start=1):
        np.testing.assert_array_equal(state["model_state"]["seen"], number)
        assert state["epoch"] == number


def test_each_epoch_has_an_order_of_its_own(epochs):
    first, second = (state["model_state"]["order"] for state, _ in epochs)
    assert sorted(first) == sorted(second) == list(range(EXAMPLES))
    assert list(first) != list(second)
    assert list(first) != list(range(EXAMPLES))


def test_metrics_weigh_the_smaller_last_batch_by_its_size(epochs):
    logits = np.stack([np.arange(EXAMPLES) / EXAMPLES, np.full(EXAMPLES, 0.5)], axis=1)
    labels = np.arange(EXAMPLES) % 2
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(EXAMPLES), labels]
    _, metrics = epochs[0]
    assert metrics.loss == pytest.approx(losses.mean(), rel=1e-5)
    assert metrics.correct == (logits.argmax(axis=1) == labels).sum()


def test_runs_of_other_seeds_and_numbers_share_one_program():
    """So a grid compiles its epoch once, given a persistent cache, and can be mapped over."""
    dataset = load("digits", train_examples=70)
    programs = []
    for fields in ({}, {"seed": 1, "learning_rate": 0.3, "momentum": 0.5, "weight_decay": 0.1}):
        experiment = Experiment(small_run(**fields), dataset)
        programs.append(experiment.lower(experiment.initial_state()).as_text())
    assert programs[0] == programs[1]


def test_mapped_runs_are_the_single_ones():
    dataset = load("digits", train_examples=70)
    settings = EpochSettings(32, InputSettings(mean=(0.3,), std=(0.4,)))
    init, apply = functional("mlp", width=8, channels=1, image_size=8)
    optimizer = Optimizer()
    run_epoch = epoch_function(apply, optimizer, settings, local_mesh())
    data = (dataset.train_images, dataset.train_labels)
    seeds, rates, decays = np.uint32([0, 1]), np.float32([0.1, 0.01]), np.float32([0.0, 0.1])
    states = jax.vmap(partial(create_state, init, optimizer))(seeds)
    numbers = {"learning_rate": rates, "momentum": np.full(2, np.float32(0.9))}
    numbers["weight_decay"] = decays
    together, _ = jax.jit(jax.vmap(run_epoch, in_axes=(0, None, None, 0)))(states, *data, numbers)
    for run in range(2):
        state = create_state(init, optimizer, int(seeds[run]))
        own = {name: values[run] for name, values in numbers.items()}
        alone, _ = jax.jit(run_epoch)(state, *data, own)
        for mapped, single in zip(
            *(jax.tree.leaves(s["parameters"]) for s in (together, alone)), strict=True
        ):
            np.testing.assert_allclose(mapped[run], single, rtol=1e-4, atol=1e-6)
