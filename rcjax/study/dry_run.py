"""Says what a run or a study will cost before it is paid for; its folder is left as it is."""

import dataclasses
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rcjax.config import ExecutorSection, run_config
from rcjax.errors import UserError
from rcjax.runtime import Interrupted, local_folder, shared_compilations, stop_requests
from rcjax.study.cost_jobs import CostJob, cost_of
from rcjax.study.executors import executor_of, workers_of
from rcjax.study.forecast import Counts, Forecast, ProgramForecast, forecast, of_program
from rcjax.study.forecast_text import forecast_lines
from rcjax.study.grid import find
from rcjax.study.jobs import Outcome
from rcjax.study.plan import StudyPlan
from rcjax.study.programs import chosen, combined, differing_fields, extrapolated
from rcjax.study.requested import Requested
from rcjax.study.run_status import COMPLETED, DAMAGED, RunStatus
from rcjax.study.storage import Storage
from rcjax.study.tools import TOOLS, Tools
from rcjax.study.work_left import PieceOfWork, pieces
from rcjax.terminal import Bar, say
from rcjax.training import RunCost, check_config, group_key, is_classical, run_workdir

MOST_MEASURED = 12  # programs; the cost of further ones follows from theirs
_MOST_WORKERS = 64  # that measure at once
_HERE = ExecutorSection()
_CLASSICAL = (
    "dry_run measures networks as they train; a classical classifier is fitted in one go, and its "
    "cost is known once it is: leave dry_run out"
)


def dry_run_of_run(config: Any, workdir: str | os.PathLike) -> dict[str, Any]:
    """Says what a training run will cost.

    Args:
        config: `ConfigDict` or mapping with the fields of a run.
        workdir: its folder; need not exist.

    Returns:
        The forecast as nested dicts, with "status" "completed".

    Raises:
        UserError: the config, the data set or the folder cannot be used.
        Interrupted: the user asked to stop.
    """
    run, path = run_config(config), local_folder(workdir)
    check_config(run)
    if is_classical(run):
        raise UserError(_CLASSICAL)
    folder = run_workdir(path, run)
    over = int(folder.finished_record() is not None)
    work = [] if over else [PieceOfWork((run,), Requested(), folder.checkpoints)]
    with tempfile.TemporaryDirectory(prefix="rcjax-dry-run-") as room:
        priced = _priced(work, _HERE, Path(room), TOOLS)
    found = forecast(Counts(1, over), priced, work, _HERE, path, 0)
    return _told(found, path)


def dry_run_of_study(
    plan: StudyPlan, path: Path, storage: Storage, tools: Tools = TOOLS
) -> dict[str, Any]:
    """Says what the runs of a study that are left will cost, where its executor makes them.

    Args:
        plan: of the study.
        path: its folder; need not exist.
        storage: of its runs.
        tools: what measures networks in this process.

    Returns:
        The forecast as nested dicts, with "status" "completed".

    Raises:
        UserError: a program cannot be run.
        Interrupted: the user asked to stop.
    """
    settings = plan.settings
    found = storage.read([find(plan.runs, settings.run)] if settings.run else plan.runs)
    executor = _HERE if settings.run else settings.executor
    left = [each for each in found if each.pending or _is_mended(each, plan)]
    networks = [each for each in left if not is_classical(each.run.config)]
    if left and not networks:
        raise UserError(_CLASSICAL)
    jobs = storage.jobs([each.run for each in networks], plan.runs)
    work = list(pieces(jobs, {each.run.name for each in left if each.status == COMPLETED}))
    with tempfile.TemporaryDirectory(prefix="rcjax-dry-run-") as room:
        with shared_compilations(room):
            priced = _priced(work, executor, Path(room), tools)
        compiled = sum(path.stat().st_size for path in Path(room).rglob("*-cache"))
    counts = Counts(
        runs=len(found),
        over=len(found) - len(left) - sum(_is_left_damaged(each, plan) for each in found),
        damaged=sum(_is_left_damaged(each, plan) for each in found),
        classical=len(left) - len(networks),
    )
    return _told(forecast(counts, priced, work, executor, path, compiled), path)


def _is_mended(found: RunStatus, plan: StudyPlan) -> bool:
    return found.status == DAMAGED and plan.settings.rerun_damaged


def _is_left_damaged(found: RunStatus, plan: StudyPlan) -> bool:
    return found.status == DAMAGED and not plan.settings.rerun_damaged


def _told(found: Forecast, path: Path) -> dict[str, Any]:
    say("\n".join(forecast_lines(found, path)))
    return {**dataclasses.asdict(found), "status": COMPLETED}


def _priced(
    work: Sequence[PieceOfWork], executor: ExecutorSection, room: Path, tools: Tools
) -> list[ProgramForecast]:
    """Returns the work by programs, with the cost of each."""
    by_program: dict[str, list[PieceOfWork]] = {}
    for piece in work:
        by_program.setdefault(piece.program, []).append(piece)
    groups = list(by_program.values())
    measured = _measured(groups, executor, room, tools)
    fields = differing_fields(list(by_program))
    costs = extrapolated(measured, fields) if groups else []
    return [
        of_program(_name(fields[number], group), group, costs[number], number in measured)
        for number, group in enumerate(groups)
    ]


def _measured(
    groups: Sequence[Sequence[PieceOfWork]], executor: ExecutorSection, room: Path, tools: Tools
) -> dict[int, RunCost]:
    """Has the executor measure some programs, each of its workers at once."""
    numbers = chosen(len(groups), MOST_MEASURED)
    if not numbers:
        return {}
    by_batch_system = executor.name == "commands"
    workers = 1 if by_batch_system else min(workers_of(executor), _MOST_WORKERS)
    copies = -(-workers // len(numbers))
    jobs = {f"program-{number}-{copy}": number for copy in range(copies) for number in numbers}
    (room / "logs").mkdir()
    found: dict[int, list[RunCost]] = {}
    failed: list[Outcome] = []
    display = Bar(len(jobs), 0, "measurement", keeps_texts=True)

    def note(outcome: Outcome) -> None:
        if outcome.status == COMPLETED:
            found.setdefault(jobs[outcome.name], []).append(cost_of(outcome))
        else:
            failed.append(outcome)
        display.update(sum(map(len, found.values())) + len(failed))

    say(f"measuring {len(numbers)} of {len(groups)} programs of the runs, for some seconds each")
    with stop_requests() as stop:
        try:
            execute = executor_of("in_process" if by_batch_system else executor.name, tools)
            execute([_cost_job(groups[number], executor, room, name)
                     for name, number in jobs.items()], executor, note, stop)  # fmt: skip
        finally:
            display.close()
        if stop.is_set():
            raise Interrupted("interrupted; nothing was made")
    if failed:
        raise UserError(f"the cost of a run cannot be measured: {failed[0].message}")
    return {number: combined(costs) for number, costs in found.items()}


def _cost_job(
    group: Sequence[PieceOfWork], executor: ExecutorSection, room: Path, name: str
) -> CostJob:
    """Returns the job that measures a program on the most that is made of it at once."""
    largest = max(group, key=lambda piece: (len(piece.configs), piece.configs[0].epochs))
    configs = largest.configs
    if executor.name == "in_process" and executor.runs_together > 1 and not largest.lines:
        alike = [piece.configs[0] for piece in group
                 if group_key(piece.configs[0]) == group_key(configs[0])]  # fmt: skip
        configs = tuple(alike[: executor.runs_together])
    return CostJob(name, str(room), configs, largest.requested, largest.lines)


def _name(fields: Mapping[str, Any], group: Sequence[PieceOfWork]) -> str:
    named = ",".join(f"{name}={value}" for name, value in fields.items())
    return named or group[0].configs[0].network
