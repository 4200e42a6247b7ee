"""Training with region counts along the way: `train(config, workdir)` returns the record."""

from rcjax.runtime import Interrupted
from rcjax.training.classical import FittedClassifier, fit_classical, is_classical
from rcjax.training.finished_run import FinishedRun, load_finished_run
from rcjax.training.group_loop import TrainedGroup, train_group
from rcjax.training.group_rehearsal import rehearse_group
from rcjax.training.loop import train
from rcjax.training.network_size import parameters_of_network
from rcjax.training.record import RUN_RECORDS, RunResult, result_of, run_workdir
from rcjax.training.rehearsal import Rehearsal, rehearse_run, rehearse_together
from rcjax.training.run_cost import RunCost, cost_from
from rcjax.training.seconds import Seconds
from rcjax.training.state import measures_key
from rcjax.training.stopwatch import SECONDS_FILE, Stopwatch, read_seconds, write_seconds
from rcjax.training.timing import twice
from rcjax.training.validation import check_config
from rcjax.training.vmapped_runs import group_key, is_groupable, train_together

__all__ = [
    "RUN_RECORDS", "SECONDS_FILE", "FinishedRun", "FittedClassifier", "Interrupted", "Rehearsal",
    "RunCost", "RunResult", "Seconds", "Stopwatch", "TrainedGroup", "check_config", "cost_from",
    "fit_classical", "group_key", "is_classical", "is_groupable", "load_finished_run",
    "measures_key", "parameters_of_network", "read_seconds", "rehearse_group", "rehearse_run",
    "rehearse_together", "result_of", "run_workdir", "train", "train_group", "train_together",
    "twice", "write_seconds",
]  # fmt: skip
