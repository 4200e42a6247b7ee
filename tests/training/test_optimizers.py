"""Optimizers and schedules against PyTorch's numbers; its own are in pytorch_rules.json."""

import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.config import run_config
from rcjax.training.optimizer import OPTIMIZER_FIELDS, optimizer_of
from rcjax.training.schedules import SCHEDULE_FIELDS, Schedule
from rcjax.training.step import Learned, train_step

from . import pytorch_rules
from .pytorch_rules import BASE, DECAY, EPOCHS, OPTIMIZERS, RATES, SCHEDULES, problem

PYTORCH = json.loads(pytorch_rules.FILE.read_text())


def linear_apply(parameters, model_state, images, train):
    """A linear network that counts its passes in training mode."""
    logits = images @ parameters["weight"] + parameters["bias"][None]
    return logits, {"passes": model_state["passes"] + train}


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_steps_equal_pytorch(case):
    name, fields, _, _ = OPTIMIZERS[case]
    config = run_config({"optimizer": name, "weight_decay": DECAY, **fields})
    optimizer, numbers = optimizer_of(config)
    inputs, labels, weight, bias = problem()
    with jax.enable_x64(True):
        parameters = {"weight": jnp.array(weight), "bias": jnp.array(bias)}
        learned = Learned(parameters, {"passes": np.int32(0)}, optimizer.init(parameters))
        step = jax.jit(train_step, static_argnums=(0, 1))
        losses = []
        for rate in RATES:
            values = jax.tree.map(jnp.float64, {"learning_rate": rate, **numbers})
            learned, metrics = step(linear_apply, optimizer, learned, inputs, labels, values)
            losses.append(float(metrics.loss))
        learned = jax.device_get(learned)
    expected = PYTORCH["optimizers"][case]
    np.testing.assert_allclose(losses, expected["losses"], rtol=1e-10)
    for key, values in learned.parameters.items():
        np.testing.assert_allclose(values, expected[key], rtol=1e-9, atol=1e-12)
    # SAM's second pass leaves no trace in what the network keeps of its batches.
    assert learned.model_state["passes"] == len(RATES)


@pytest.mark.parametrize("case", SCHEDULES)
def test_rates_equal_pytorch(case):
    fields, _, _ = SCHEDULES[case]
    schedule = Schedule(base=BASE, epochs=EPOCHS, **fields)
    rates = [schedule.rate(epoch) for epoch in range(EPOCHS)]
    np.testing.assert_allclose(rates, PYTORCH["schedules"][case], rtol=1e-9)
    # What the last entry of the history shows; nothing is trained at it.
    assert 0 <= schedule.rate(EPOCHS) <= BASE


def test_every_optimizer_and_schedule_is_compared():
    assert {name for name, *_ in OPTIMIZERS.values()} == set(OPTIMIZER_FIELDS)
    assert {fields["name"] for fields, *_ in SCHEDULES.values()} == set(SCHEDULE_FIELDS)


@pytest.mark.parametrize("name", SCHEDULE_FIELDS)
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_short_runs_have_rates(name, epochs):
    schedule = Schedule(name, 0.1, epochs, milestones=(1,))
    assert all(0 <= schedule.rate(epoch) <= 0.1 for epoch in range(epochs + 1))


@pytest.mark.torch
def test_the_file_holds_what_pytorch_computes():
    with warnings.catch_warnings():
        # SequentialLR tells of its own use of a deprecated argument.
        warnings.simplefilter("ignore", UserWarning)
        computed = pytorch_rules.everything()
    for part in ("optimizers", "schedules"):
        for case, values in computed[part].items():
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12),
                values,
                PYTORCH[part][case],
            )
