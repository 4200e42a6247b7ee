"""Runs in a study's folder that are not of its grid: parts of a wider grid, or another study's."""

from collections.abc import Sequence
from pathlib import Path

from rcjax.config import RUN_FIELDS
from rcjax.data import fingerprint
from rcjax.errors import DamagedError, UserError
from rcjax.runtime import config_differences, read_json
from rcjax.study.grid import PlannedRun
from rcjax.study.jobs import run_folder


def foreign_runs(runs: Sequence[PlannedRun], workdir: Path) -> list[str]:
    """Names of the runs that lie in the folder and that the grid does not have.

    A grid may be narrowed and widened; what such runs share with ours is everything but the axes.

    Args:
        runs: of the grid.
        workdir: folder of the study; need not exist.

    Raises:
        UserError: a run there differs from ours in a field that the grid does not vary, so the
            folder is another study's.
    """
    ours = {run.name for run in runs}
    names = [
        path.parent.name
        for path in sorted(run_folder(workdir, "").glob("*/config.json"))
        if path.parent.name not in ours
    ]
    for name in names:
        _check(name, runs[0], workdir)
    return names


def _check(name: str, run: PlannedRun, workdir: Path) -> None:
    try:
        theirs = read_json(run_folder(workdir, name) / "config.json", remedy="remove it")
    except DamagedError:  # it is set aside, or nobody's; whose it was cannot be known
        return
    ours = run.config.to_dict()
    if "data" in theirs and (found := fingerprint(run.config.dataset, run.config.data_dir)):
        ours["data"] = {"sha256": found}
    differences = {
        field: values
        for field, values in config_differences(theirs, ours, RUN_FIELDS).items()
        if field not in run.axes
    }
    if differences:
        described = "; ".join(f"{field}: {a} -> {b}" for field, (a, b) in differences.items())
        raise UserError(
            f"workdir {workdir} holds runs of another study, such as {name} ({described}); choose "
            "another workdir, or make what differs an axis of the grid"
        )
