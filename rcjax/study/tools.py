"""The functions that do the long work of a study; a test hands in quicker ones."""

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rcjax import measures
from rcjax.config import RunConfig
from rcjax.data import ImageStream, normalize
from rcjax.errors import UserError
from rcjax.report import write_report
from rcjax.study.predicted_labels import PredictedLabels, predicted_labels
from rcjax.study.report_process import ReportProcess, ReportRequest
from rcjax.study.requested import REGION_ENTROPY
from rcjax.training import (
    FinishedRun,
    FittedClassifier,
    fit_classical,
    is_classical,
    load_finished_run,
    measures_key,
    train,
)

Note = Callable[[str, float, float | None], None]


def read_back(config: RunConfig, folder: Path) -> FinishedRun | FittedClassifier:
    """Returns the trained network of a finished run; a classical classifier is fitted again.

    Raises:
        UserError: the network cannot be read.
    """
    return fit_classical(config) if is_classical(config) else load_finished_run(config, folder)


def measure(trained: FinishedRun, names: Sequence[str], examples: int, note: Note) -> None:
    """Computes competing measures of a trained network.

    Args:
        trained: the run.
        names: of the measures.
        examples: how many training images the costly ones read.
        note: is given each measure as soon as it is known, with its standard error where random
            numbers estimate it.

    Raises:
        UserError: the data set stays on the disk.
    """
    data, state = trained.dataset, trained.state
    if isinstance(data, ImageStream):
        raise UserError(
            f"the measures need all training images in memory, but {data.name} stays on the disk; "
            "leave measures.names empty"
        )
    network = measures.TrainedNetwork(
        trained.experiment.apply,
        state["parameters"],
        state["model_state"],
        trained.initial_state["parameters"],
        images=normalize(data.train_images, data.mean, data.std),
        labels=data.train_labels,
        batch_size=trained.config.batch_size,
    )
    key, settings = measures_key(trained.config.seed), measures.Settings(examples=examples)
    own = [name for name in names if name in measures.NAMES]
    measures.compute(network, own, key=key, settings=settings, note=note)
    if REGION_ENTROPY in names:
        note(REGION_ENTROPY, *region_entropy(trained))


def region_entropy(trained: FinishedRun) -> tuple[float, float | None]:
    """The mean over a run's slices of the entropy of the regions' shares, in nats.

    Returns:
        The mean and its standard error over slices; None for one slice.
    """
    found = trained.count(trained.config.regions, sizes=True)
    entropies = np.array([parts.entropy for parts in found.regions or ()])
    several = len(entropies) > 1
    error = float(np.std(entropies, ddof=1)) / sqrt(len(entropies)) if several else None
    return float(np.mean(entropies)), error


class Tools(NamedTuple):
    """The functions that take long, and how long a process waits for folders in use."""

    train: Callable[[RunConfig, Path], dict[str, Any]] = train
    read_back: Callable[[RunConfig, Path], Any] = read_back
    measure: Callable[[Any, Sequence[str], int, Note], None] = measure
    predict_labels: Callable[[Any], PredictedLabels] = predicted_labels
    write_report: Callable[..., Mapping[str, Any]] = write_report
    report_aside: Callable[[ReportRequest, Path, Mapping[str, str]], ReportProcess] = ReportProcess
    # A worker whose driver was killed lets go of its run within this time.
    lock_wait: float = 20.0  # seconds


TOOLS = Tools()
