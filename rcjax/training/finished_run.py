"""A finished run, read back from its folder: the trained network and all that it was trained on."""

import functools
import os
from dataclasses import dataclass

import jax

from rcjax import RegionCounts, data
from rcjax.config import RegionsSection, RunConfig
from rcjax.errors import UserError
from rcjax.training.checkpoints import Checkpoints
from rcjax.training.experiment import Experiment
from rcjax.training.initial_weights import check_unchanged
from rcjax.training.record import run_workdir
from rcjax.training.state import TrainState
from rcjax.training.streaming import make_experiment
from rcjax.training.validation import check_config, check_fits


@dataclass(frozen=True)
class FinishedRun:
    """A run as it stood when it ended.

    Attributes:
        config: of the run.
        dataset: what it was trained on.
        experiment: the compiled parts; counts regions and predicts.
        state: the end of training.
        first_state: before the first epoch, where it is at hand.
    """

    config: RunConfig
    dataset: data.AnyDataset
    experiment: Experiment
    state: TrainState
    first_state: TrainState | None = None

    @functools.cached_property
    def initial_state(self) -> TrainState:
        """Before the first epoch: made again from the seed or the config's checkpoint if need be.

        Raises:
            UserError: that checkpoint is not there any more.
        """
        return self.first_state or self.experiment.initial_state()

    def count(self, regions: RegionsSection, *, sizes: bool = False) -> RegionCounts:
        """Counts the trained network's regions as a section `regions` asks, with sizes or not."""
        return self.experiment.count_on(self.state, regions, sizes=sizes)


def load_finished_run(config: RunConfig, workdir: str | os.PathLike) -> FinishedRun:
    """Reads the newest checkpoint of a finished run.

    Args:
        config: of the run.
        workdir: folder of the run.

    Raises:
        UserError: the folder holds no finished run of this config, or no checkpoint that can be
            read; or what the config's `checkpoint` names has changed since.
    """
    check_config(config)
    folder = run_workdir(workdir, config)
    record = folder.finished_record()
    if record is None:
        raise UserError(f"workdir {folder.path} holds no finished run; run it first")
    check_unchanged(config.checkpoint, record.get("checkpoint"), folder.path)
    dataset = data.load_or_open(config.dataset, **config.data_choices())
    check_fits(config, dataset)
    experiment = make_experiment(config, dataset)
    checkpoints = Checkpoints(folder.checkpoints, config.keep_checkpoints)
    try:
        restored, messages = checkpoints.restore_newest(experiment.random_state())
    finally:
        checkpoints.close()
    if restored is None:
        raise UserError(
            f"{folder.checkpoints} holds no checkpoint that can be read "
            f"({'; '.join(messages) or 'it is empty'}); remove {folder.path} to run it again"
        )
    if int(jax.device_get(restored.state["epoch"])) != config.epochs:
        raise UserError(
            f"the checkpoint of the last epoch is missing from {folder.checkpoints}; remove "
            f"{folder.path} to run it again"
        )
    return FinishedRun(config, dataset, experiment, restored.state)
