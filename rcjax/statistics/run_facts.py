"""What must be known of a network's runs before its numbers are believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rcjax.statistics.names import OUTCOMES, WITHOUT_NUMBERS
from rcjax.statistics.one_measure import Options
from rcjax.statistics.rows import Row
from rcjax.statistics.study_rows import NetworkRows, Setting, identity

# Below this many percentage points two outcomes are the same for a reader.
SAME_OUTCOME = 0.1


@dataclass(frozen=True)
class RunFacts:
    """Names of runs with something to be said of them.

    Attributes:
        without_numbers: runs that diverged, are missing or damaged, by status.
        collapsed: runs near chance, which are left out of the statistics.
        not_fitted: other runs below the train accuracy that counts as fitted.
        lacking: completed runs without a finite value, by measure or outcome.
        repeated: groups of runs with the same setting and the same numbers.
        same_seed: groups of other runs with the same setting and the same seed.
        runs_per_setting: the least and the greatest number of completed runs of a setting; None
            without any.
        versions: the number of different sets of versions.
        gap_is_test_error: whether the two outcomes are one number in all runs.
    """

    without_numbers: Mapping[str, Sequence[str]]
    collapsed: Sequence[str]
    not_fitted: Sequence[str]
    lacking: Mapping[str, Sequence[str]]
    repeated: Sequence[Sequence[str]]
    same_seed: Sequence[Sequence[str]]
    runs_per_setting: tuple[int, int] | None
    versions: int
    gap_is_test_error: bool


def run_facts(network: NetworkRows, options: Options) -> RunFacts:
    """Everything that is to be said of the runs of a network."""
    collapsed = [row.name for row in network.collapsed]
    statuses = {
        status: [row.name for row in network.rows if row.status == status]
        for status in WITHOUT_NUMBERS
    }
    lacking = {
        name: [row.name for row in network.completed if not isfinite(row.value(name))]
        for name in (*network.measures, *OUTCOMES)
    }
    repeated, same_seed = _repetitions(network.settings)
    numbers = [len(setting.rows) for setting in network.settings]
    return RunFacts(
        {status: names for status, names in statuses.items() if names},
        collapsed,
        [r.name for r in network.completed if not_fitted(r, options) and r.name not in collapsed],
        {name: runs for name, runs in lacking.items() if runs},
        repeated,
        same_seed,
        (min(numbers), max(numbers)) if numbers else None,
        len(network.versions),
        _gap_is_test_error(network.completed),
    )


def not_fitted(row: Row, options: Options) -> bool:
    """Whether a run has a train accuracy below that which counts as fitted."""
    return row.train_accuracy is not None and row.train_accuracy < options.fitted_accuracy


def _repetitions(
    settings: Sequence[Setting],
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Runs that agree in all numbers, and runs of one setting and one seed."""
    equal, same_seed = [], []
    for setting in settings:
        by_numbers: dict[Any, list[str]] = {}
        by_seed: dict[int, list[str]] = {}
        for row in setting.rows:
            measures = sorted((name, identity(value)) for name, value in row.measures.items())
            numbers = row.seed, row.train_accuracy, row.test_accuracy, *measures
            by_numbers.setdefault(numbers, []).append(row.name)
            if row.seed is not None:
                by_seed.setdefault(row.seed, []).append(row.name)
        equal += [tuple(names) for names in by_numbers.values() if len(names) > 1]
        same_seed += [tuple(names) for names in by_seed.values() if len(names) > 1]
    return equal, [names for names in same_seed if names not in equal]


def _gap_is_test_error(rows: Sequence[Row]) -> bool:
    differences = [
        abs(row.generalization_gap - row.test_error)
        for row in rows
        if row.generalization_gap is not None and row.test_error is not None
    ]
    return bool(differences and max(differences) <= SAME_OUTCOME)
