"""The work of a study that is left: its jobs, and how far each has come."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rcjax.config import RunConfig
from rcjax.study.group_jobs import GroupJob
from rcjax.study.jobs import AnyJob, Job
from rcjax.study.programs import program_key
from rcjax.study.requested import Requested
from rcjax.training import RunCost, Seconds


class PieceOfWork(NamedTuple):
    """Runs that are made as one, or one run.

    Attributes:
        configs: of the runs.
        requested: what is computed of each network after training.
        checkpoints: folder of the checkpoints.
        trained: whether nothing but what is requested is left.
        lines: whether the records are lines of a mass study.
    """

    configs: tuple[RunConfig, ...]
    requested: Requested
    checkpoints: Path
    trained: bool = False
    lines: bool = False

    @property
    def program(self) -> str:
        """The key of the program that it needs."""
        return program_key(self.configs[0])

    def epochs_done(self, cost: RunCost) -> float:
        """Epochs of each run until its newest checkpoint, or all of them."""
        if self.trained:
            return self.configs[0].epochs
        saved = [int(each.name) for each in _folders(self.checkpoints) if each.name.isdigit()]
        # Single runs number their checkpoints by steps, groups by epochs.
        return max(saved, default=0) / (1 if self.lines else cost.steps)

    def seconds(self, cost: RunCost) -> Seconds:
        """Seconds that are left, beside those that the first run of a program takes longer."""
        if self.trained:
            return cost.after * len(self.configs)
        done = self.epochs_done(cost)
        return Seconds.sum(cost.seconds(config, done) for config in self.configs)


def _folders(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def pieces(jobs: Sequence[AnyJob], trained: set[str]) -> Iterator[PieceOfWork]:
    """Returns the pieces of work of some jobs.

    Args:
        jobs: of a study.
        trained: names of the runs that are only to be measured.
    """
    for job in jobs:
        if isinstance(job, GroupJob):
            checkpoints = Path(job.workdir) / "groups" / job.name / "checkpoints"
            configs = tuple(member.config for member in job.members)
            yield PieceOfWork(configs, job.members[0].requested, checkpoints, lines=True)
        elif isinstance(job, Job):
            checkpoints = job.folder / "checkpoints"
            yield PieceOfWork((job.config,), job.requested, checkpoints, job.name in trained)
