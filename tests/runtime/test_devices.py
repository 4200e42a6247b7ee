"""Training on four simulated devices gives what one device gives."""

import json
import os
import subprocess
import sys

import pytest

from rcjax.data import load
from rcjax.training.experiment import Experiment

from ..training.small_runs import REPOSITORY, small_config


def losses():
    """Two epochs: their losses, the evaluation after them, and the counts."""
    # 70 examples in batches of 30: neither 30 nor the last 10 can be divided by four.
    # A small rate, because a large one makes differences of rounding grow.
    config = small_config(network="resnet18", width=2, batch_size=30, learning_rate=0.01)
    experiment = Experiment(config, load("digits", train_examples=70))
    state = experiment.initial_state()
    experiment.compile(state)
    entries = []
    for epoch in range(2):
        *_, end = experiment.epoch_in_parts(state, epoch, None, lambda: False)
        state = end.state
        entries.append(end.entry["train_loss"])
    evaluation, counts = experiment.evaluate(state, 2)
    return {
        "losses": [*entries, evaluation["train_loss"], evaluation["test_loss"]],
        "counts": counts,
        "copies": len(state["epoch"].devices()),
    }


@pytest.mark.slow
@pytest.mark.usefixtures("quick_compilation")
def test_four_devices_equal_one():
    program = (
        "import json; from tests.runtime.test_devices import losses; print(json.dumps(losses()))"
    )
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    divided = json.loads(result.stdout.splitlines()[-1])
    alone = losses()
    assert (alone["copies"], divided["copies"]) == (1, 4)
    assert divided["losses"] == pytest.approx(alone["losses"], rel=2e-4)
    assert divided["counts"] == alone["counts"]
