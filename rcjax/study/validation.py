"""The fields of a study are checked here, before anything is created or computed."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from rcjax.config import FREE_SECTIONS, RUN_FIELDS, STUDY_FIELDS, flatten, is_run_field
from rcjax.data import is_streamed
from rcjax.errors import UserError
from rcjax.study.after_training import Requested
from rcjax.study.executors import NAMES as EXECUTORS
from rcjax.study.grid import PlannedRun, expand
from rcjax.training import check_config, is_classical

_RANGES: dict[str, tuple[float, float]] = {
    "executor.workers": (0, 10_000),
    "executor.retries": (0, 1_000),
    "executor.runs_together": (1, 10_000),
    "executor.cpus_per_run": (0.01, 10_000),
    "executor.gpus_per_run": (0, 1_000),
    "measures.examples": (1, math.inf),
    "report.bootstrap_samples": (10, 1_000_000),
    "report.fitted_accuracy": (0, 100),
    "report.seed": (0, 2**32 - 1),
}


def check_study(config: Mapping[str, Any]) -> list[PlannedRun]:
    """Checks all fields of a study and of all its runs, and returns the runs.

    Args:
        config: nested dicts, `ConfigDict.to_dict()`.

    Raises:
        UserError: the first field that is wrong, what it holds and what it may hold.
    """
    _check_names(config)
    fields = flatten(config)
    for name in STUDY_FIELDS:
        _check_field(name, fields[name])
    check_report(fields)
    gpus = fields["executor.gpus_per_run"]
    if gpus != 0 and not float(gpus if gpus >= 1 else 1 / gpus).is_integer():
        raise UserError(
            "config field executor.gpus_per_run must be a whole number, or one divided by a whole "
            f"number (0.5: two runs share a GPU), got {gpus}"
        )
    if fields["executor.name"] not in EXECUTORS:
        raise UserError(
            f"unknown executor.name {fields['executor.name']!r}; known: {', '.join(EXECUTORS)}"
        )
    if fields["executor.runs_together"] > 1 and fields["executor.name"] != "in_process":
        raise UserError(
            "config field executor.runs_together must be 1 with executor.name = "
            f"{fields['executor.name']}, got {fields['executor.runs_together']}; runs are trained "
            "together by the executor in_process"
        )
    runs = expand(config)
    _check_variants(config["variants"])
    wanted = Requested(config)
    for run in runs:
        if wanted.measures and is_classical(run.config):
            raise UserError(
                f"config field measures.names must be empty: the measures are of networks, and run "
                f"{run.name} is of network = {run.config.network}"
            )
        if wanted.measures and is_streamed(run.config.dataset):
            raise UserError(
                "config field measures.names must be empty: the measures need all training images "
                f"in memory, and dataset = {run.config.dataset} of run {run.name} is streamed"
            )
        for name, regions in wanted.regions(run.config).items():
            try:
                check_config(dataclasses.replace(run.config, regions=regions))
            except UserError as error:
                raise UserError(f"variant {name} of run {run.name}: {error}") from error
    return runs


def check_report(fields: Mapping[str, Any]) -> None:
    """Checks the section `report`, given by dotted names.

    Raises:
        UserError: the first field that is wrong.
    """
    for name in STUDY_FIELDS:
        if name.startswith("report."):
            _check_field(name, fields[name])
    if not 0 < fields["report.confidence"] < 1:
        raise UserError(
            "config field report.confidence must be above 0 and below 1, got "
            f"{fields['report.confidence']}"
        )


def _check_field(name: str, value: Any) -> None:
    kind = STUDY_FIELDS[name].kind
    # bool is a kind of int to Python, and an integer is welcome where a number is asked for.
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise UserError(f"config field {name} must be of type {kind.__name__}, got {value!r}")
    smallest, largest = _RANGES.get(name, (-math.inf, math.inf))
    if name in _RANGES and not smallest <= value <= largest:
        bounds = f"at least {smallest}" + (f", at most {largest}" * (largest < math.inf))
        raise UserError(f"config field {name} must be {bounds}, got {value}")


def _check_names(config: Mapping[str, Any]) -> None:
    allowed = {*RUN_FIELDS, *STUDY_FIELDS}
    fields = flatten({name: v for name, v in config.items() if name not in FREE_SECTIONS})
    missing = [name for name in allowed if name not in fields]
    if missing:
        raise UserError(
            f"the config lacks {', '.join(sorted(missing))}; see rcjax/config/fields.py"
        )
    unknown = [name for name in fields if name not in allowed and not is_run_field(name)]
    if unknown:
        raise UserError(
            f"the config has fields that nothing reads: {', '.join(unknown)}; remove them"
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
