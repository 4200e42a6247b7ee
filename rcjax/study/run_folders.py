"""Reads the folders of a study's runs: which are over, damaged, or still to be made."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rcjax.errors import DamagedError, UserError
from rcjax.runtime import read_json, set_aside
from rcjax.statistics import Row, names, variant_name
from rcjax.study.after_training import Measurements
from rcjax.study.grid import PlannedRun
from rcjax.study.jobs import run_folder
from rcjax.study.predicted_labels import PredictedLabels
from rcjax.study.requested import TRAIN_LOSS
from rcjax.training import RunResult, is_classical, result_of, run_workdir

COMPLETED, MISSING, DAMAGED = names.COMPLETED, names.MISSING, names.DAMAGED


class RunStatus(NamedTuple):
    """A run and what its folder holds.

    Attributes:
        run: of the grid.
        status: "completed", "diverged", "missing" or "damaged".
        result: of a run that is over.
        message: why it is damaged or missing; may be empty.
    """

    run: PlannedRun
    status: str
    result: RunResult | None = None
    message: str = ""


def read_runs(runs: Sequence[PlannedRun], workdir: Path) -> list[RunStatus]:
    """Reads the record of every run. Changes nothing.

    Raises:
        UserError: a run's folder was made with another config, or cannot be read.
    """
    return [_read_run(run, workdir) for run in runs]


def _read_run(run: PlannedRun, workdir: Path) -> RunStatus:
    try:
        record = run_workdir(run_folder(workdir, run.name), run.config).finished_record()
    except DamagedError as error:
        return RunStatus(run, DAMAGED, message=str(error).rpartition(";")[0])
    if record is None:
        return RunStatus(run, MISSING)
    result = result_of(record)
    return RunStatus(run, result.status, result)


def set_damaged_aside(found: RunStatus, workdir: Path) -> str:
    """Moves what is damaged of a run out of the way, so that it is made again.

    With a sound config the checkpoints are kept, and the run is not trained again: its record is
    written anew.

    Returns:
        A line that says where it is now.
    """
    folder = run_folder(workdir, found.run.name)
    try:
        read_json(folder / "config.json", remedy="")
    except UserError:
        return f"{folder} is now {set_aside(folder)}"
    return f"{folder / 'record.json'} is now {set_aside(folder / 'record.json')}"


def is_pending(found: RunStatus, workdir: Path) -> bool:
    """Returns whether a run is still to be trained, or something to be computed of its network."""
    if found.status == COMPLETED:
        return not _measurements(found.run, workdir).complete()
    return found.status == MISSING


def _measurements(run: PlannedRun, workdir: Path) -> Measurements:
    return Measurements(run_folder(workdir, run.name), run.requested)


def make_row(found: RunStatus, workdir: Path) -> Row:
    """Returns the row of a run for statistics and report.

    Args:
        found: the run.
        workdir: folder of the study.
    """
    config, result = found.run.config, found.result or RunResult(found.status)
    axes = {name: value for name, value in found.run.axes.items() if name not in _NOT_SETTINGS}
    always = {} if is_classical(config) else {name: getattr(config, name) for name in _ALWAYS}
    measures = {} if result.mean_count is None else {names.COUNT: result.mean_count}
    if found.status == COMPLETED:
        measurements = _measurements(found.run, workdir)
        competing = measurements.measures()
        variants = {variant_name(n): mean for n, mean in measurements.variants().items()}
        measures |= {n: v for n, v in {**competing, **variants}.items() if v is not None}
        if TRAIN_LOSS in found.run.requested.measures:
            measures[TRAIN_LOSS] = result.history[-1][TRAIN_LOSS]
    return Row(
        name=found.run.name,
        network=config.network,
        settings={**always, **axes},
        seed=config.seed,
        status=found.status,
        train_accuracy=result.train_accuracy,
        test_accuracy=result.test_accuracy,
        generalization_gap=result.generalization_gap,
        measures=measures,
        standard_error=result.standard_error,
        halves=_halves(result.counts, labels_of(found, workdir)),
        history=result.history,
        versions=dict(result.versions),
        message=found.message,
    )


def labels_of(found: RunStatus, workdir: Path) -> PredictedLabels | None:
    """What a finished run's network says of the test images, if the study asks for it."""
    return _measurements(found.run, workdir).labels() if found.status == COMPLETED else None


def _halves(
    counts: Sequence[int], labels: PredictedLabels | None
) -> dict[str, tuple[float, float]]:
    """The count by halves of the slices, and the test accuracy by halves of the images."""
    found = {}
    if len(counts) > 1:
        found[names.COUNT] = (float(np.mean(counts[::2])), float(np.mean(counts[1::2])))
    if labels is not None:
        found[names.TEST_ACCURACY] = labels.accuracy_of_halves
    return found


_NOT_SETTINGS = ("network", "seed")
# The trivial predictor needs them, whether or not they vary. Classical classifiers have none.
_ALWAYS = ("learning_rate", "batch_size", "weight_decay")


def version_messages(rows: Sequence[Row]) -> list[str]:
    """One line for each thing on which the runs' versions differ.

    The same seed gives the same bits only as long as all of these agree.
    """
    messages = []
    with_versions = [row for row in rows if row.versions]
    for name in dict.fromkeys(name for row in with_versions for name in row.versions):
        by_value: dict[str, list[str]] = {}
        for row in with_versions:
            by_value.setdefault(str(row.versions.get(name, "unknown")), []).append(row.name)
        if len(by_value) > 1:
            shares = "; ".join(
                f"{value} ({len(names)} runs, among them {names[0]})"
                for value, names in by_value.items()
            )
            messages.append(f"the runs were made with different {name}: {shares}")
    return messages
