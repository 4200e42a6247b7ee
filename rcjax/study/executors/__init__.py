"""Ways to get the runs of a study done; the config's field `executor.name` chooses one.

Each takes jobs and reports outcomes. None of them knows of grids, records or reports.
"""

from rcjax.study.executors.choice import NAMES, executor_of, workers_of
from rcjax.study.executors.commands import batch_commands
from rcjax.study.executors.environment import beside_runs
from rcjax.study.executors.executor import Executor, OnOutcome

__all__ = [
    "NAMES",
    "Executor",
    "OnOutcome",
    "batch_commands",
    "beside_runs",
    "executor_of",
    "workers_of",
]
