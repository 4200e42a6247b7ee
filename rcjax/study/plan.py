"""The plan of a study: its settings and its runs, all checked before anything is made."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from rcjax.config import (
    FREE_SECTIONS,
    RUN_FIELDS,
    STUDY_FIELDS,
    ExecutorSection,
    ReportSection,
    StudyConfig,
    check_ranges,
    flatten,
    nested,
    run_config,
    study_config,
)
from rcjax.data import is_streamed
from rcjax.errors import UserError
from rcjax.study.executors import NAMES as EXECUTORS
from rcjax.study.grid import PlannedRun, expand
from rcjax.study.requested import Requested, check_measurable, measure_names, variants_of
from rcjax.training import is_classical

_EXECUTOR_RANGES: dict[str, tuple[float, float]] = {
    "executor.workers": (0, 10_000),
    "executor.retries": (0, 1_000),
    "executor.runs_together": (1, 10_000),
    "executor.cpus_per_run": (0.01, 10_000),
    "executor.gpus_per_run": (0, 1_000),
}
_FILLED = 0.98  # of a GPU at least: 0.33 will do for a third
RECORDS = ("folders", "lines")
_REPORT_RANGES: dict[str, tuple[float, float]] = {
    "report.bootstrap_samples": (10, 1_000_000),
    "report.fitted_accuracy": (0, 100),
    "report.seed": (0, 2**32 - 1),
}


class StudyPlan(NamedTuple):
    """A checked study.

    Attributes:
        settings: its fields beside those of its runs.
        runs: of the grid, in order, with what is asked of each.
        config: as it was given, nested; the report publishes it.
    """

    settings: StudyConfig
    runs: list[PlannedRun]
    config: Mapping[str, Any]


def plan_study(config: Mapping[str, Any]) -> StudyPlan:
    """Checks all fields of a study and of all its runs.

    Args:
        config: nested dicts, `ConfigDict.to_dict()` of a complete config.

    Raises:
        UserError: the first field that is wrong, what it holds and what it may hold.
    """
    free = {name: config[name] for name in FREE_SECTIONS}
    fields = flatten({name: value for name, value in config.items() if name not in free})
    own = {name: fields.pop(name) for name in STUDY_FIELDS if name in fields}
    base, settings = run_config(nested(fields)), study_config(own)
    _check_executor(settings.executor, settings.records)
    check_ranges(own, {"measures.examples": (1, math.inf), "report_every": (0, math.inf)})
    _check_report_only(settings)
    _check_records(settings)
    check_report(settings.report)
    _check_variants(free["variants"])
    names = measure_names(settings.measures.names)
    runs = []
    for run in expand(base, free["grid"]):
        if names:
            check_measurable(run.name, run.config)
        if settings.records == "lines":
            _check_line(run)
        variants = variants_of(run.name, run.config, free["variants"])
        requested = Requested(names, settings.measures.examples, variants)
        runs.append(run._replace(requested=requested))
    return StudyPlan(settings, runs, config)


def _check_executor(executor: ExecutorSection, records: str) -> None:
    check_ranges(flatten({"executor": dataclasses.asdict(executor)}), _EXECUTOR_RANGES)
    _check_gpus(executor.gpus_per_run)
    if executor.name not in EXECUTORS:
        raise UserError(f"unknown executor.name {executor.name!r}; known: {', '.join(EXECUTORS)}")
    if executor.runs_together > 1 and executor.name != "in_process" and records != "lines":
        raise UserError(
            f"config field executor.runs_together must be 1 with executor.name = {executor.name}, "
            f"got {executor.runs_together}; runs are trained together by the executor in_process, "
            "or with records = lines"
        )


def _check_gpus(gpus: float) -> None:
    """Checks that runs fill GPUs: what is left of one, no run can use."""
    rule = "config field executor.gpus_per_run must be a whole number, or one divided by a whole "
    if gpus >= 1 and not float(gpus).is_integer():
        raise UserError(f"{rule}number (0.5: two runs share a GPU), got {gpus:g}")
    if not 0 < gpus < 1:
        return
    runs = int(1 / gpus + 1e-9)
    if runs * gpus < _FILLED:
        raise UserError(
            f"{rule}number, got {gpus:g}: {runs} run{'s' * (runs > 1)} would fit and leave "
            f"{1 - runs * gpus:.2g} of a GPU to nobody; take {_part(runs + 1)} for {runs + 1} "
            f"runs, or {_part(runs)} for {runs}"
        )


def _part(runs: int) -> str:
    """A share of a GPU of which so many fit."""
    return f"{math.floor(10_000 / runs) / 10_000:g}"


def _check_report_only(settings: StudyConfig) -> None:
    for name, given in (
        ("run", settings.run),
        ("rerun_damaged", settings.rerun_damaged),
        ("dry_run", settings.dry_run),
    ):
        if settings.report_only and given:
            raise UserError(
                f"config field report_only makes no run, it reports what is there; leave out {name}"
            )


def _check_records(settings: StudyConfig) -> None:
    if settings.records not in RECORDS:
        raise UserError(f"unknown records {settings.records!r}; known: {', '.join(RECORDS)}")
    if settings.records != "lines":
        return
    if settings.run:
        raise UserError(
            f"config field run must be empty with records = lines, got {settings.run}: the runs "
            "are made in groups"
        )
    if settings.executor.name == "commands":
        raise UserError(
            "config field executor.name cannot be commands with records = lines: the runs are made "
            "in groups; choose in_process, processes or ray"
        )


def _check_line(run: PlannedRun) -> None:
    """Checks that a run can be made in a group, without a folder of its own."""
    config = run.config
    for name, value, reason in (
        ("network", is_classical(config) and config.network, "is no network that is trained"),
        ("dataset", is_streamed(config.dataset) and config.dataset, "stays on the disk"),
        ("tracker", config.tracker != "none" and config.tracker, "follows one run at a time"),
    ):
        if value:
            raise UserError(
                f"records = lines is not for run {run.name}: {name} = {value} {reason}; leave "
                "records out"
            )


def check_report(report: ReportSection) -> None:
    """Checks the section `report`, of a study or of an analysis.

    Raises:
        UserError: the first field that is wrong.
    """
    check_ranges(flatten({"report": dataclasses.asdict(report)}), _REPORT_RANGES)
    if not 0 < report.confidence < 1:
        raise UserError(
            f"config field report.confidence must be above 0 and below 1, got {report.confidence}"
        )


def _check_variants(variants: Mapping[str, Any]) -> None:
    known = [name.removeprefix("regions.") for name in RUN_FIELDS if name.startswith("regions.")]
    known.remove("every")  # a variant is counted once, after training
    for name, changes in variants.items():
        if not isinstance(changes, Mapping):
            raise UserError(f"variants.{name} must be a section, got {changes!r}")
        unknown = [field for field in flatten(changes) if field not in known]
        if unknown:
            raise UserError(
                f"variants.{name} has fields that nothing reads: {', '.join(unknown)}; "
                f"known: {', '.join(known)}"
            )
