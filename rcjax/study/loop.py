"""The order in which a study does things."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rcjax.errors import UserError
from rcjax.runtime import (
    Interrupted,
    Workdir,
    local_folder,
    require_devices,
    shared_compilations,
    stop_requests,
)
from rcjax.study import run_folders
from rcjax.study.executors import batch_commands, executor_of
from rcjax.study.foreign_runs import foreign_runs
from rcjax.study.grid import PlannedRun, find
from rcjax.study.jobs import (
    FAILED,
    IN_USE,
    INTERRUPTED,
    LOST,
    LockWait,
    Outcome,
    make_job,
    train_and_measure,
)
from rcjax.study.progress import StudyDisplay
from rcjax.study.reporting import report_study
from rcjax.study.run_folders import COMPLETED, DAMAGED, MISSING, RunStatus
from rcjax.study.validation import check_study
from rcjax.terminal import say


def run_study(
    config: Any, workdir: str | os.PathLike, command: Sequence[str] = ()
) -> dict[str, Any]:
    """Makes the runs of a grid that are missing, then the report.

    What was made before, by whichever executor, is not made again: a study that was interrupted is
    continued, and one whose config asks for further measures or variants gets those alone.

    Args:
        config: an `ml_collections.ConfigDict` with `experiment = "study"`; docs/study.md explains
            its fields. With a field `run`, that run alone is made, and no report.
        workdir: folder of the study; made if need be.
        command: the words of the command line, for the executor that prints commands.

    Returns:
        The report, as `report.json` holds it, with "status" "completed"; the record of the run when
        `config.run` names one.

    Raises:
        UserError: the config or the folder cannot be used; or runs failed or are damaged, after all
            others were made and the report was written. The line says how to mend it.
        Interrupted: the user asked to stop; the runs at hand saved checkpoints.
    """
    plain = config.to_dict()
    runs = check_study(plain)
    path = local_folder(workdir)
    _check_is_no_run(path)
    others = foreign_runs(runs, path)
    executor = plain["executor"]["name"]
    # Where workers have the devices, the driver must not reserve their memory.
    if config.run or executor == "in_process":
        require_devices()
    if config.run:
        return _single(find(runs, config.run), path, plain)
    if executor == "commands":
        return _print_commands(runs, path, plain, command)
    if others:
        say(f"{len(others)} more runs lie in {path}; they are not of this grid")
    with Workdir(path, {}).claimed(), stop_requests() as stop:
        return Study(runs, path, plain).run(stop)


def _check_is_no_run(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UserError(f"workdir {path} is a file; give a folder")
    for name in ("config.json", "record.json", "checkpoints"):
        if (path / name).exists():
            raise UserError(
                f"workdir {path} holds {name}, so it is the folder of a single run; choose another "
                "workdir for a study"
            )


def _single(run: PlannedRun, path: Path, study: Mapping[str, Any]) -> dict[str, Any]:
    with shared_compilations(path), stop_requests() as stop:
        return train_and_measure(make_job(run, path, study), stop, LockWait())


def _print_commands(
    runs: Sequence[PlannedRun], path: Path, study: Mapping[str, Any], command: Sequence[str]
) -> dict[str, Any]:
    found = run_folders.read_runs(runs, path)
    pending = [each.run for each in found if is_pending(each, path, study)]
    lines = batch_commands(pending, len(runs), command)
    say("\n".join(lines))
    if damaged := damaged_runs(found, "another executor with "):
        raise UserError(damaged[0])
    return {"status": COMPLETED, "commands": lines}


def is_pending(found: RunStatus, path: Path, study: Mapping[str, Any]) -> bool:
    """Whether a run is still to be trained, or something to be computed of its network."""
    return found.status == MISSING or run_folders.is_unmeasured(found, path, study)


def damaged_runs(found: Sequence[RunStatus], means: str = "") -> list[str]:
    """A line that says how many runs are damaged and how to make them again; none for none.

    Args:
        found: all runs.
        means: what it takes besides the field `rerun_damaged`.
    """
    damaged = [each.run.name for each in found if each.status == DAMAGED]
    if not damaged:
        return []
    are, them = ("are damaged, the first", "them") if len(damaged) > 1 else ("is damaged,", "it")
    return [
        f"{len(damaged)} of {len(found)} runs {are} {damaged[0]}; "
        f"{means}--config.rerun_damaged=true makes {them} again, keeping what is there"
    ]


class Study:
    """A study whose folder is claimed.

    Args:
        runs: of the grid.
        path: folder of the study.
        config: of the study, nested and checked.
    """

    def __init__(self, runs: Sequence[PlannedRun], path: Path, config: Mapping[str, Any]):
        self._runs = runs
        self._path = path
        self._config = config
        self._failures: dict[str, Outcome] = {}
        self._stopped: list[Outcome] = []

    def run(self, stop: Any) -> dict[str, Any]:
        """Makes what is missing, then the report.

        Args:
            stop: an event; once it is set the study stops with its runs' checkpoints saved.
        """
        found = self._mend(run_folders.read_runs(self._runs, self._path))
        pending = [each for each in found if self._is_pending(each)]
        self._announce(found, pending)
        if pending:
            self._execute(pending, stop)
            if stop.is_set():
                raise Interrupted(self._interruption())
        return self._report(run_folders.read_runs(self._runs, self._path))

    def _interruption(self) -> str:
        """What became of the runs when the user asked to stop."""
        done = sum(each.status != MISSING for each in run_folders.read_runs(self._runs, self._path))
        text = f"interrupted with {done} of {len(self._runs)} runs done"
        if saved := sum(outcome.status == INTERRUPTED for outcome in self._stopped):
            text += f", {saved} stopped with all saved"
        for outcome in self._stopped:
            if outcome.status == LOST:
                text += f"; {outcome.name} goes on from an earlier checkpoint ({outcome.message})"
        return text

    def _mend(self, found: list[RunStatus]) -> list[RunStatus]:
        damaged = [each for each in found if each.status == DAMAGED]
        for each in damaged:
            say(f"run {each.run.name}: {each.message}")
        if not damaged:
            return found
        if not self._config["rerun_damaged"]:
            say("--config.rerun_damaged=true makes them again, keeping what is there")
            return found
        for each in damaged:
            say(run_folders.set_damaged_aside(each, self._path))
        return run_folders.read_runs(self._runs, self._path)

    def _is_pending(self, found: RunStatus) -> bool:
        return is_pending(found, self._path, self._config)

    def _announce(self, found: Sequence[RunStatus], pending: Sequence[RunStatus]) -> None:
        missing = sum(each.status == MISSING for each in pending)
        text = f"{len(found)} runs, {missing} to train"
        if len(pending) > missing:
            text += f", {len(pending) - missing} to measure"
        say(f"{text}; executor {self._config['executor']['name']}")

    def _execute(self, pending: Sequence[RunStatus], stop: Any) -> None:
        execute = executor_of(self._config["executor"]["name"])
        display = StudyDisplay(len(self._runs), len(self._runs) - len(pending))
        (self._path / "logs").mkdir(exist_ok=True)

        def report(outcome: Outcome) -> None:
            if outcome.status in (FAILED, IN_USE):
                self._failures[outcome.name] = outcome
            if outcome.status in (INTERRUPTED, LOST):
                self._stopped.append(outcome)
            display.outcome(outcome)

        jobs = [make_job(each.run, self._path, self._config) for each in pending]
        try:
            with shared_compilations(self._path):
                execute(jobs, self._config["executor"], report, stop)
        finally:
            display.close()

    def _report(self, found: Sequence[RunStatus]) -> dict[str, Any]:
        rows = []
        for each in found:
            failure = self._failures.get(each.run.name)
            # Another process may have made the run in the meantime.
            if failure is not None and not each.message and self._is_pending(each):
                each = each._replace(message=failure.message)
            rows.append(run_folders.make_row(each, self._path, self._config))
        for message in run_folders.version_messages(rows):
            say(message)
        report = report_study(rows, self._config, self._path)
        problems = [*self._incomplete(found), *damaged_runs(found)]
        if problems:
            raise UserError("; ".join(problems))
        return {**report, "status": COMPLETED}

    def _incomplete(self, found: Sequence[RunStatus]) -> list[str]:
        incomplete = [each.run.name for each in found if self._is_pending(each)]
        if not incomplete:
            return []
        first = incomplete[0]
        reason = self._failures[first].message if first in self._failures else "not made"
        return [
            f"{len(incomplete)} of {len(found)} runs are incomplete, the first {first} "
            f"({reason}); see {self._path / 'logs'} and {self._path / 'report.json'}, and run "
            "the same command again to make them"
        ]
