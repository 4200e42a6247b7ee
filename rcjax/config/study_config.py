"""The fields of a study beside those of its runs, as typed, frozen values; docs/study.md explains
each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rcjax.config.run_config import replaced


@dataclass(frozen=True)
class ExecutorSection:
    """Who does the runs, and what each may use."""

    name: str = "in_process"
    workers: int = 0
    retries: int = 3
    runs_together: int = 1
    cpus_per_run: float = 1.0
    gpus_per_run: float = 0.0
    ray_address: str = ""


@dataclass(frozen=True)
class MeasuresSection:
    """The competing measures of every trained network."""

    names: str = ""
    examples: int = 1000


@dataclass(frozen=True)
class ReportSection:
    """The options of `rcjax.statistics.analyze`."""

    bootstrap_samples: int = 2000
    confidence: float = 0.95
    fitted_accuracy: float = 99.0
    seed: int = 0


@dataclass(frozen=True)
class CommandConfig:
    """Every field that says what a command does with a run, and so is no field of the run."""

    dry_run: bool = False


@dataclass(frozen=True)
class StudyConfig:
    """Every field of a study that is no field of its runs; `report_every` is in minutes."""

    experiment: str = "study"
    run: str = ""
    dry_run: bool = False
    rerun_damaged: bool = False
    report_only: bool = False
    records: str = "folders"
    report_every: float = 0.0
    executor: ExecutorSection = ExecutorSection()
    measures: MeasuresSection = MeasuresSection()
    report: ReportSection = ReportSection()


@dataclass(frozen=True)
class AnalysisConfig:
    """Every field of an analysis of a table of runs."""

    experiment: str = "analyze"
    table: str = ""
    report: ReportSection = ReportSection()


def study_config(fields: Mapping[str, Any]) -> StudyConfig:
    """Returns the typed fields of a study.

    Args:
        fields: {dotted name: value}; those left out take their defaults.

    Raises:
        UserError: a field of no study, or a value of the wrong type.
    """
    return replaced(StudyConfig(), fields)
