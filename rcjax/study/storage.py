"""Where the runs of a study are kept: in folders of their own, or as lines of a few files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rcjax.study.grid import PlannedRun
from rcjax.study.jobs import AnyJob
from rcjax.study.line_storage import LineStorage
from rcjax.study.plan import StudyPlan
from rcjax.study.run_folders import FolderStorage
from rcjax.study.run_status import RunStatus
from rcjax.training import Seconds


class Storage(Protocol):
    """The runs of a study in its folder."""

    def holds_runs(self) -> bool:
        """Whether any run is there."""

    def check(self, runs: Sequence[PlannedRun]) -> None:
        """Raises UserError where the folder is another study's."""

    def begin(self, runs: Sequence[PlannedRun]) -> None:
        """Claims the folder for this study's config, before the first run."""

    def foreign(self, runs: Sequence[PlannedRun]) -> list[str]:
        """Names of the runs that are there and not of the grid."""

    def read(self, runs: Sequence[PlannedRun]) -> list[RunStatus]:
        """Reads every run of the grid. Changes nothing."""

    def seconds(self, runs: Sequence[PlannedRun]) -> dict[str, Seconds]:
        """Returns the seconds that runs took until now, by name; those nobody noted are missing."""

    def set_damaged_aside(self, found: Sequence[RunStatus]) -> Sequence[str]:
        """Moves what is damaged out of the way; returns lines that say where it is."""

    def jobs(self, pending: Sequence[PlannedRun], runs: Sequence[PlannedRun]) -> Sequence[AnyJob]:
        """Returns the work that is to be done: the runs that are pending, among all of the grid."""


def storage_of(plan: StudyPlan, workdir: Path) -> Storage:
    """Returns the storage that a study asks for, checked.

    Raises:
        UserError: the folder is another study's.
    """
    storage: Storage
    if plan.settings.records == "lines":
        storage = LineStorage(workdir, plan.settings.executor.runs_together)
    else:
        storage = FolderStorage(workdir)
    storage.check(plan.runs)
    return storage
