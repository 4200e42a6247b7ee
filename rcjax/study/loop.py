"""Runs one study: plan it, see what is done, have the rest done, report."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from rcjax.config import complete
from rcjax.errors import UserError
from rcjax.runtime import (
    Interrupted,
    StopRequest,
    Workdir,
    local_folder,
    require_devices,
    shared_compilations,
    stop_requests,
)
from rcjax.statistics import Row
from rcjax.study.dry_run import dry_run_of_study
from rcjax.study.executors import batch_commands, executor_of
from rcjax.study.grid import find
from rcjax.study.jobs import (
    DIVERGED,
    FAILED,
    IN_USE,
    INTERRUPTED,
    LOST,
    LockWait,
    Outcome,
    make_job,
    train_and_measure,
)
from rcjax.study.live_report import LiveReport
from rcjax.study.longest_first import Ordered, longest_first
from rcjax.study.plan import StudyPlan, plan_study
from rcjax.study.predicted_labels import PredictedLabels, with_disagreement
from rcjax.study.reporting import about_study, report_rows
from rcjax.study.run_status import (
    COMPLETED,
    DAMAGED,
    MISSING,
    RunStatus,
    make_row,
    version_messages,
)
from rcjax.study.storage import Storage, storage_of
from rcjax.study.tools import TOOLS, Tools
from rcjax.terminal import Bar, say

SO_FAR = "report_so_far"  # the folder of a report that another process than the driver makes


def run_study(
    config: ConfigDict,
    workdir: str | os.PathLike,
    command: Sequence[str] = (),
    *,
    tools: Tools = TOOLS,
) -> dict[str, Any]:
    """Makes the runs of a grid that are missing, then the report.

    What was made before, by whichever executor, is not made again: a study that was interrupted is
    continued, and one whose config asks for further measures or variants gets those alone.

    Args:
        config: with `experiment = "study"`; docs/study.md explains its fields. With a field `run`,
            that run alone is made, and no report; with `report_only`, a report of the runs that
            are over, in the folder `report_so_far`.
        workdir: folder of the study; made if need be.
        command: the words of the command line, for the executor that prints commands.
        tools: what trains, measures and reports in this process.

    Returns:
        The report, as `report.json` holds it, with "status" "completed"; the record of the run when
        `config.run` names one.

    Raises:
        UserError: the config or the folder cannot be used; or runs failed or are damaged, after all
            others were made and the report was written. The line says how to mend it.
        Interrupted: the user asked to stop; the runs at hand saved checkpoints.
    """
    plan = plan_study(complete(config).to_dict())
    settings = plan.settings
    path = local_folder(workdir)
    _check_is_no_run(path)
    storage = storage_of(plan, path)
    others = storage.foreign(plan.runs)
    if settings.dry_run:
        return dry_run_of_study(plan, path, storage, tools)
    if settings.report_only:
        return _report_only(plan, path, storage, tools)
    # Where workers have the devices, the driver must not reserve their memory.
    if settings.run or settings.executor.name == "in_process":
        require_devices()
    if settings.run:
        job = make_job(find(plan.runs, settings.run), path)
        with shared_compilations(path), stop_requests() as stop:
            return train_and_measure(job, stop, LockWait(tools), tools)
    if settings.executor.name == "commands":
        return _print_commands(plan, path, storage, command)
    if others:
        say(f"{len(others)} more runs lie in {path}; they are not of this grid")
    with Workdir(path, {}).claimed(), stop_requests() as stop:
        return Study(plan, path, storage, tools).run(stop)


def _report_only(plan: StudyPlan, path: Path, storage: Storage, tools: Tools) -> dict[str, Any]:
    """Reports the runs that are over, while another process may go on with the others.

    The report has a folder of its own, so that it does not meet one that the study writes.

    Raises:
        UserError: there is no study in the folder, or another process reports on it.
    """
    if not storage.holds_runs():
        raise UserError(f"workdir {path} holds no runs to report; start the study first")
    folder = path / SO_FAR
    with Workdir(folder, {}).claimed():
        report = Study(plan, path, storage, tools).report_so_far(folder)
    return {**report, "status": COMPLETED}


def report_beside_runs(
    config: Mapping[str, Any], path: Path, failures: Mapping[str, str]
) -> dict[str, Any]:
    """Reports the runs that are over in the study's own folder, for the driver that has claimed it.

    Args:
        config: of the study, nested.
        path: its folder.
        failures: why runs failed, by name.
    """
    plan = plan_study(config)
    return Study(plan, path, storage_of(plan, path)).report_so_far(path, failures)


def _check_is_no_run(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UserError(f"workdir {path} is a file; give a folder")
    for name in ("config.json", "record.json", "checkpoints"):
        if (path / name).exists():
            raise UserError(
                f"workdir {path} holds {name}, so it is the folder of a single run; choose another "
                "workdir for a study"
            )


def _print_commands(
    plan: StudyPlan, path: Path, storage: Storage, command: Sequence[str]
) -> dict[str, Any]:
    found = storage.read(plan.runs)
    pending = [each.run for each in found if each.pending]
    lines = batch_commands(pending, len(found), command)
    if not say("\n".join(lines)):
        raise UserError("standard output did not take all commands; mend that and ask again")
    if damaged := damaged_runs(found, "another executor with "):
        raise UserError(damaged[0])
    return {"status": COMPLETED, "commands": lines}


def damaged_runs(found: Sequence[RunStatus], means: str = "") -> list[str]:
    """Returns a line that says how many runs are damaged and how to make them again; none for none.

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
        plan: of the study.
        path: its folder.
        storage: of its runs.
        tools: what does the runs in this process, and the report.
    """

    def __init__(self, plan: StudyPlan, path: Path, storage: Storage, tools: Tools = TOOLS):
        self._plan = plan
        self._settings = plan.settings
        self._path = path
        self._storage = storage
        self._tools = tools
        self._failures: dict[str, str] = {}  # why, by run
        self._stopped: list[Outcome] = []
        self._live = LiveReport(plan, path, tools)

    def run(self, stop: StopRequest) -> dict[str, Any]:
        """Makes what is missing, then the report.

        Args:
            stop: once it is set the study stops with its runs' checkpoints saved.
        """
        found = self._mend(self._read())
        pending = [each for each in found if each.pending]
        self._announce(found, pending)
        if pending:
            self._execute(pending, stop)
            if stop.is_set():
                raise Interrupted(self._interruption())
        return self._report(self._read())

    def report_so_far(self, folder: Path, failures: Mapping[str, str] = {}) -> dict[str, Any]:
        """Reports the runs that are over, in a folder; `failures` says why runs failed, by name."""
        self._failures |= failures
        found = self._read()
        over = sum(each.status in (COMPLETED, DIVERGED) for each in found)
        say(f"{over} of {len(found)} runs are over; report in {folder}")
        return self._write_report(found, folder)

    def _read(self) -> list[RunStatus]:
        return self._storage.read(self._plan.runs)

    def _interruption(self) -> str:
        """Says how far the runs came until the user asked to stop."""
        done = sum(each.status != MISSING for each in self._read())
        text = f"interrupted with {done} of {len(self._plan.runs)} runs done"
        if saved := sum(outcome.status == INTERRUPTED for outcome in self._stopped):
            text += f", {saved} stopped, checkpoint saved"
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
        if not self._settings.rerun_damaged:
            say("--config.rerun_damaged=true makes them again, keeping what is there")
            return found
        for line in self._storage.set_damaged_aside(damaged):
            say(line)
        return self._read()

    def _announce(self, found: Sequence[RunStatus], pending: Sequence[RunStatus]) -> None:
        missing = sum(each.status == MISSING for each in pending)
        text = f"{len(found)} runs, {missing} to train"
        if len(pending) > missing:
            text += f", {len(pending) - missing} to measure"
        say(f"{text}; executor {self._settings.executor.name}")

    def _execute(self, pending: Sequence[RunStatus], stop: StopRequest) -> None:
        executor = self._settings.executor
        execute = executor_of(executor.name, self._tools)
        ordered = self._ordered(pending)
        left = {each.run.name for each in pending}
        (self._path / "logs").mkdir(exist_ok=True)
        runs_of = {job.name: job.runs for job in ordered.jobs}
        runs = len(self._plan.runs)
        display = Bar(runs, runs - len(left), "run", keeps_texts=True, share=ordered.share(left))

        def report(outcome: Outcome) -> None:
            text = f"{outcome.name} {outcome.status}: {outcome.message}"
            if outcome.status in (INTERRUPTED, LOST):
                self._stopped.append(outcome)
                display.message(text)
                return
            if outcome.status in (FAILED, IN_USE):
                self._failures |= dict.fromkeys(runs_of[outcome.name], outcome.message)
            left.difference_update(runs_of[outcome.name])
            display.update(runs - len(left), text, ordered.share(left))
            self._live.look(self._failures)

        self._storage.begin(self._plan.runs)
        try:
            with shared_compilations(self._path):
                execute(ordered.jobs, executor, report, stop)
        finally:
            self._live.end()  # the study's own, at its end, says more
            display.close()

    def _ordered(self, pending: Sequence[RunStatus]) -> Ordered:
        """The jobs of the runs that are pending, in the order in which they begin."""
        runs = self._plan.runs
        ordered = longest_first(
            self._storage.jobs([each.run for each in pending], runs),
            {run.name: run.config for run in runs},
            self._storage.seconds(runs),
            {each.run.name for each in pending if each.status == COMPLETED},
        )
        # In this process there is nothing to gain, and what comes together is trained together.
        return ordered.in_given_order() if self._settings.executor.name == "in_process" else ordered

    def _report(self, found: Sequence[RunStatus]) -> dict[str, Any]:
        report = self._write_report(found, self._path)
        problems = [*self._incomplete(found), *damaged_runs(found)]
        if problems:
            raise UserError("; ".join(problems))
        return {**report, "status": COMPLETED}

    def _write_report(self, found: Sequence[RunStatus], folder: Path) -> dict[str, Any]:
        rows: list[Row] = []
        predicted: dict[str, PredictedLabels] = {}
        for each in found:
            failure = self._failures.get(each.run.name)
            # Another process may have made the run in the meantime.
            if failure is not None and not each.message and each.pending:
                each = each._replace(message=failure)
            rows.append(make_row(each))
            if labels := each.measured.labels:
                predicted[each.run.name] = labels
        rows = with_disagreement(rows, predicted)
        for message in version_messages(rows):
            say(message)
        seconds = self._storage.seconds(self._plan.runs).values()
        about, options = about_study(self._plan, seconds), self._settings.report
        return report_rows(rows, about, options, folder, self._tools)

    def _incomplete(self, found: Sequence[RunStatus]) -> list[str]:
        incomplete = [each.run.name for each in found if each.pending]
        if not incomplete:
            return []
        first = incomplete[0]
        reason = self._failures.get(first, "not made")
        return [
            f"{len(incomplete)} of {len(found)} runs are incomplete, the first {first} "
            f"({reason}); see {self._path / 'logs'} and {self._path / 'report.json'}, and run "
            "the same command again to make them"
        ]
