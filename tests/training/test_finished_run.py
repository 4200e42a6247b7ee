"""A finished run read back: the network that its record speaks of."""

import numpy as np
import pytest

from rcjax.config import run_config
from rcjax.errors import UserError
from rcjax.training.finished_run import load_finished_run

from .small_runs import small_config, train_undrawn


def test_network_read_back_is_the_one_that_was_counted(tmp_path):
    record = train_undrawn(small_config(), tmp_path)
    run = load_finished_run(run_config(small_config()), tmp_path)
    entry, counts = run.experiment.evaluate(run.state, run.config.epochs)
    assert counts == record["region_count"]["counts"]
    assert entry["train_loss"] == record["history"][-1]["train_loss"]
    untrained, _ = run.experiment.evaluate(run.initial_state, 0)
    assert untrained["train_loss"] == record["history"][0]["train_loss"]
    assert not np.isclose(untrained["train_loss"], entry["train_loss"])


def test_folder_without_a_finished_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no finished run"):
        load_finished_run(run_config(small_config()), tmp_path)
