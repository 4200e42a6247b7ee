"""The runs of a study in folders of their own: which are over, damaged, or still to be made."""

from collections.abc import Sequence
from pathlib import Path

from rcjax.errors import DamagedError, UserError
from rcjax.runtime import read_json, set_aside
from rcjax.study.after_training import Measurements
from rcjax.study.foreign_runs import foreign_runs
from rcjax.study.grid import PlannedRun
from rcjax.study.jobs import Job, make_job, run_folder
from rcjax.study.lines import shards
from rcjax.study.run_status import COMPLETED, DAMAGED, MISSING, RunStatus
from rcjax.training import SECONDS_FILE, Seconds, read_seconds, result_of, run_workdir


class FolderStorage:
    """Keeps every run of a study in a folder of its own, as a single run leaves it.

    Args:
        workdir: folder of the study.
    """

    def __init__(self, workdir: Path):
        self._workdir = workdir

    def holds_runs(self) -> bool:
        """Whether any run is there."""
        return (self._workdir / "runs").is_dir()

    def check(self, runs: Sequence[PlannedRun]) -> None:
        """Raises UserError where the folder holds the lines of a mass study."""
        if shards(self._workdir):
            raise UserError(
                f"workdir {self._workdir} holds runs as lines of records; choose another workdir, "
                "or set records = lines"
            )

    def begin(self, runs: Sequence[PlannedRun]) -> None:
        """Does nothing: every run claims its own folder."""

    def read(self, runs: Sequence[PlannedRun]) -> list[RunStatus]:
        """Reads the record of every run. Changes nothing.

        Raises:
            UserError: a run's folder was made with another config, or cannot be read.
        """
        return [self._read(run) for run in runs]

    def _read(self, run: PlannedRun) -> RunStatus:
        folder = run_folder(self._workdir, run.name)
        try:
            record = run_workdir(folder, run.config).finished_record()
        except DamagedError as error:
            return RunStatus(run, DAMAGED, message=str(error).rpartition(";")[0])
        if record is None:
            return RunStatus(run, MISSING)
        result = result_of(record)
        if result.status != COMPLETED:
            return RunStatus(run, result.status, result)
        return RunStatus(run, COMPLETED, result, Measurements(folder, run.requested).found())

    def seconds(self, runs: Sequence[PlannedRun]) -> dict[str, Seconds]:
        """Returns the seconds that runs took until now, by name; those nobody noted are missing."""
        found = ((run.name, run_folder(self._workdir, run.name) / SECONDS_FILE) for run in runs)
        read = ((name, read_seconds(file)) for name, file in found)
        return {name: seconds for name, seconds in read if seconds is not None}

    def set_damaged_aside(self, found: Sequence[RunStatus]) -> list[str]:
        """Moves what is damaged out of the way; returns a line for each that says where it is."""
        return [_set_aside(each, self._workdir) for each in found]

    def jobs(self, pending: Sequence[PlannedRun], runs: Sequence[PlannedRun]) -> list[Job]:
        """Returns a job for each of the runs that are pending, among all runs of the study."""
        return [make_job(run, self._workdir) for run in pending]

    def foreign(self, runs: Sequence[PlannedRun]) -> list[str]:
        """Names of the runs that are there and not of the grid; see `foreign_runs`."""
        return foreign_runs(runs, self._workdir)


def _set_aside(found: RunStatus, workdir: Path) -> str:
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
