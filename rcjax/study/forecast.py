"""The cost of what is left of a study as typed numbers: programs, work, and hours in all."""

import heapq
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rcjax.config import ExecutorSection
from rcjax.study.executors import workers_of
from rcjax.study.work_left import PieceOfWork
from rcjax.training import RunCost, Seconds


@dataclass(frozen=True)
class Counts:
    """The runs of a study.

    Attributes:
        runs: of the grid.
        over: completed or diverged, with everything that is requested.
        damaged: that are not made again unless `rerun_damaged` asks for it.
        classical: that fit a classical classifier; they are in none of the costs.
    """

    runs: int
    over: int
    damaged: int = 0
    classical: int = 0


@dataclass(frozen=True)
class ProgramForecast:
    """The runs of one program that are left.

    Attributes:
        name: the fields in which it differs from the other programs.
        runs: that are left.
        to_measure: those of them that are trained, but lack something that is requested.
        begun: those of them that have a checkpoint.
        measured: whether its cost was measured, or follows from that of other programs.
        cost: of one run.
        epochs, epochs_done: of all runs.
        seconds: that are left, of all runs.
        jobs: the same, for each job.
    """

    name: str
    runs: int
    to_measure: int
    begun: int
    measured: bool
    cost: RunCost
    epochs: int
    epochs_done: float
    seconds: Seconds
    jobs: tuple[float, ...]


@dataclass(frozen=True)
class DiskForecast:
    """Bytes that a folder grows by, and what is free."""

    checkpoints: int
    figures: int
    records: int
    compilations: int
    free: int

    @property
    def total(self) -> int:
        """All that the folder grows by."""
        return self.checkpoints + self.figures + self.records + self.compilations


@dataclass(frozen=True)
class Forecast:
    """The cost of what is left of a study.

    Attributes:
        counts: of its runs.
        programs: in the order of the grid.
        executor: its name.
        workers: that go on at once; 0 where a batch system decides.
        work: seconds that are left, of all runs one after the other.
        longest: seconds of the longest job.
        seconds: until the workers have done all, the longest jobs first.
        disk: of the folder.
    """

    counts: Counts
    programs: tuple[ProgramForecast, ...]
    executor: str
    workers: int
    work: Seconds
    longest: float
    seconds: float
    disk: DiskForecast


def of_program(
    name: str, pieces: Sequence[PieceOfWork], cost: RunCost, measured: bool
) -> ProgramForecast:
    """Sums up the work of one program."""
    configs = [config for piece in pieces for config in piece.configs]
    done = [(piece, piece.epochs_done(cost)) for piece in pieces]
    seconds = [piece.seconds(cost) for piece in pieces]
    jobs = sorted((each.total for each in seconds), reverse=True)
    jobs[0] += cost.once
    return ProgramForecast(
        name=name,
        runs=len(configs),
        to_measure=sum(len(piece.configs) for piece in pieces if piece.trained),
        begun=sum(len(piece.configs) for piece, epochs in done if epochs and not piece.trained),
        measured=measured,
        cost=cost,
        epochs=sum(config.epochs for config in configs),
        epochs_done=sum(len(piece.configs) * epochs for piece, epochs in done),
        seconds=Seconds.sum(seconds) + Seconds(preparing=cost.once),
        jobs=tuple(jobs),
    )


def forecast(
    counts: Counts,
    programs: Sequence[ProgramForecast],
    work: Sequence[PieceOfWork],
    executor: ExecutorSection,
    path: Path,
    compilations: int,
) -> Forecast:
    """Sums up the programs of a study.

    Args:
        counts: of its runs.
        programs: what is left of them.
        work: the same, piece by piece.
        executor: the config's section.
        path: the study's folder; need not exist.
        compilations: bytes of compiled programs that the study keeps.
    """
    jobs = [seconds for program in programs for seconds in program.jobs]
    workers = 0 if executor.name == "commands" else min(workers_of(executor), max(len(jobs), 1))
    return Forecast(
        counts=counts,
        programs=tuple(programs),
        executor=executor.name,
        workers=workers,
        work=Seconds.sum(program.seconds for program in programs),
        longest=max(jobs, default=0.0),
        seconds=longest_first(jobs, workers),
        disk=_disk(programs, work, workers, path, compilations),
    )


def _disk(
    programs: Sequence[ProgramForecast],
    work: Sequence[PieceOfWork],
    workers: int,
    path: Path,
    compilations: int,
) -> DiskForecast:
    new = [(program.runs - program.to_measure, program.cost.disk) for program in programs]
    checkpoints = sum(runs * disk.checkpoints for runs, disk in new)
    if any(piece.lines for piece in work):  # a group has one until it is over
        most = max(len(piece.configs) for piece in work)
        checkpoints = workers * most * max(disk.checkpoint for _, disk in new)
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    return DiskForecast(
        checkpoints=checkpoints,
        figures=sum(runs * disk.figures for runs, disk in new),
        records=sum(runs * disk.records for runs, disk in new),
        compilations=compilations,
        free=shutil.disk_usage(there).free,
    )


def longest_first(jobs: Sequence[float], workers: int) -> float:
    """Returns the seconds until all jobs are done by workers who always take the longest left.

    Example:
        >>> longest_first([3, 1, 1, 1], 2), longest_first([3, 1, 1, 1], 1), longest_first([], 4)
        (3.0, 6.0, 0.0)
    """
    busy = [0.0] * max(1, workers)
    for seconds in sorted(jobs, reverse=True):
        heapq.heappush(busy, heapq.heappop(busy) + seconds)
    return max(busy)
