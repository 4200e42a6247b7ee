"""Experiment trackers beside TensorBoard: Weights & Biases, MLflow, Trackio.

A tracker is a convenience. Whatever it raises, the run says so once and goes on without it.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rcjax.config import flatten
from rcjax.errors import UserError
from rcjax.outside import one_line
from rcjax.terminal import say_error

TRACKERS = ("none", "wandb", "mlflow", "trackio")
_PROJECT = "rcjax"


class _Session(NamedTuple):
    """An open run of a tracker: log(numbers by name, epoch), and finish()."""

    log: Callable[[Mapping[str, float], int], Any]
    finish: Callable[[], Any]


class Tracker:
    """Sends numbers to the tracker that a config names; "none" sends nothing.

    Args:
        name: one of `TRACKERS`, checked.
        config: nested fields of the run.
        folder: of the run; its name is that of the tracker's run.
    """

    def __init__(self, name: str, config: Mapping[str, Any], folder: Path):
        self._name = name
        self._session: _Session | None = None
        if name != "none":
            self._guarded(lambda: self._open(config, folder))

    def _open(self, config: Mapping[str, Any], folder: Path) -> None:
        module = importlib.import_module(self._name)
        self._session = _OPEN[self._name](module, dict(config), folder.absolute())

    def log(self, numbers: Mapping[str, float], epoch: int) -> None:
        """Sends finite numbers of an epoch."""
        if (session := self._session) is not None:
            self._guarded(lambda: session.log(numbers, epoch))

    def close(self) -> None:
        """Ends the tracker's run."""
        if (session := self._session) is not None:
            self._guarded(session.finish)
            self._session = None

    def _guarded(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:
            self._session = None
            say_error(f"{self._name} is lost ({one_line(error)}); the run goes on without it")


def check_tracker(name: str) -> None:
    """Checks that a tracker's package is installed.

    Raises:
        UserError: it is not.
    """
    if name != "none" and importlib.util.find_spec(name) is None:
        raise UserError(
            f'tracker = {name} needs the extra [{name}]: pip install "rcjax[{name}]", or take '
            "--config.tracker=none"
        )


def _wandb(wandb: Any, config: dict[str, Any], folder: Path) -> _Session:
    run = wandb.init(
        project=_PROJECT, name=folder.name, config=config, dir=str(folder), reinit="create_new"
    )
    return _Session(lambda numbers, epoch: run.log(dict(numbers), step=epoch), run.finish)


def _mlflow(mlflow: Any, config: dict[str, Any], folder: Path) -> _Session:
    client = mlflow.MlflowClient()  # no global state: runs that train together have one each
    known = client.get_experiment_by_name(_PROJECT)
    experiment = known.experiment_id if known else client.create_experiment(_PROJECT)
    run = client.create_run(experiment, run_name=folder.name).info.run_id
    for name, value in flatten(config).items():
        client.log_param(run, name, str(value))

    def log(numbers: Mapping[str, float], epoch: int) -> None:
        for name, value in numbers.items():
            client.log_metric(run, name, value, step=epoch)

    return _Session(log, lambda: client.set_terminated(run))


def _trackio(trackio: Any, config: dict[str, Any], folder: Path) -> _Session:
    run = trackio.init(project=_PROJECT, name=folder.name, config=config)
    return _Session(lambda numbers, epoch: run.log(dict(numbers), step=epoch), run.finish)


_OPEN: dict[str, Callable[[Any, dict[str, Any], Path], _Session]] = {
    "wandb": _wandb, "mlflow": _mlflow, "trackio": _trackio,
}  # fmt: skip
