"""What a reader of the numbers must know, in words."""

from collections.abc import Callable, Sequence
from typing import Any

from rcjax.statistics.averaging import group_settings, identity, is_usable
from rcjax.statistics.quantities import COUNT, OUTCOMES, measures_of
from rcjax.statistics.rows import Row

# Below this many percentage points two outcomes are the same for a reader.
_SAME_OUTCOME = 0.1
# Of the region count, compared with the range of random predictors.
_AGAINST_CHANCE = (
    "pearson",
    "conditional_mutual_information",
    "partial_correlation",
    "partial_rank_correlation",
    "partial_correlation_within_cells",
)
# Of these a low value tells nothing; of the others, that can be negative, it does.
_ONE_SIDED = ("conditional_mutual_information",)


class Notes:
    """Reasons why statistics are undefined or special, each said once with whom it concerns."""

    def __init__(self) -> None:
        self._concerned: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, measure: str, outcome: str, reasons: Sequence[str]) -> None:
        for reason in reasons:
            about = _words(outcome) if "outcome" in reason else ""
            self._concerned.setdefault((reason, about), {})[measure] = None

    def lines(self) -> list[str]:
        return [
            f"{about}: {reason} ({_listing(list(measures))})"
            if about
            else f"{', '.join(measures)}: {reason}"
            for (reason, about), measures in self._concerned.items()
        ]


def notes_on_runs(
    rows: Sequence[Row], not_fitted: Callable[[Row], bool], fitted_accuracy: float
) -> list[str]:
    """Runs without numbers, runs that did not fit, missing measures and repeated rows."""
    completed = [row for row in rows if row.status == "completed"]
    lines = [
        f"{len(named)} of {len(rows)} runs {status} and without numbers: {_listing(named)}"
        for status in ("diverged", "missing", "damaged")
        if (named := [row.name for row in rows if row.status == status])
    ]
    if poor := [row.name for row in completed if not_fitted(row)]:
        lines.append(
            f"{len(poor)} of {len(completed)} completed runs stayed below {fitted_accuracy:g} % "
            f"train accuracy; the numbers include them: {_listing(poor)}"
        )
    for name, quantity in {**measures_of(rows), **OUTCOMES}.items():
        lacking = [row.name for row in completed if not is_usable(quantity(row))]
        if lacking:
            lines.append(
                f"{name}: {len(lacking)} of {len(completed)} completed runs have no finite "
                f"value and are left out of its statistics: {_listing(lacking)}"
            )
    for find in (_repetitions, _numbers_of_runs, _versions, _close_outcomes):
        lines += find(completed)
    return lines


def findings(outcomes: dict[str, dict[str, Any]]) -> list[str]:
    """Where the region count does no better than the trivial predictor, or than chance."""
    lines = []
    for name, measures in outcomes.items():
        for statistic in _AGAINST_CHANCE:
            value = measures[COUNT][statistic]
            chance = measures["null"].get(f"{statistic}_interval")
            if value is None or not chance or value > chance[1]:
                continue
            if value >= chance[0] or statistic in _ONE_SIDED:
                where = "within" if value >= chance[0] else "below"
                lines.append(
                    f"{_words(name)}: the {_words(statistic)} of the region count, {value:.3g}, is "
                    f"{where} the range of random predictors, {chance[0]:.3g} to {chance[1]:.3g}"
                )
        count, trivial = measures[COUNT]["pearson"], measures["trivial_predictor"]["pearson"]
        if count is not None and trivial is not None and abs(trivial) >= abs(count):
            lines.append(
                f"{_words(name)}: log(batch size / learning rate) correlates at least as strongly "
                f"(Pearson {trivial:.3f}) as the region count ({count:.3f})"
            )
    return lines


def _repetitions(rows: Sequence[Row]) -> list[str]:
    """Rows that agree in all numbers, and seeds that occur twice in one setting."""
    same_numbers: dict[Any, list[str]] = {}
    same_seed: dict[Any, list[str]] = {}
    for row in rows:
        setting = frozenset((name, identity(value)) for name, value in row.settings.items())
        numbers = row.train_accuracy, row.test_accuracy, *sorted(row.measures.items())
        same_numbers.setdefault((setting, row.seed, numbers), []).append(row.name)
        if row.seed is not None:
            same_seed.setdefault((setting, row.seed), []).append(row.name)
    equal = [names for names in same_numbers.values() if len(names) > 1]
    lines = [
        f"{', '.join(names)} have the same setting and the same numbers: repeated rows? Each "
        "counts as a run"
        for names in equal
    ]
    lines += [
        f"{', '.join(names)} are runs of one setting and one seed; each counts as a run"
        for names in same_seed.values()
        if len(names) > 1 and names not in equal
    ]
    return lines


def _numbers_of_runs(rows: Sequence[Row]) -> list[str]:
    """Whether the settings have one run only, or differ in the number of their runs."""
    numbers = {len(setting.rows) for setting in group_settings(rows)}
    if numbers == {1}:
        return ["one run per setting: the intervals cannot contain the differences between seeds"]
    if len(numbers) > 1:
        return [
            f"the settings have {min(numbers)} to {max(numbers)} completed runs; each setting "
            "counts once"
        ]
    return []


def _versions(rows: Sequence[Row]) -> list[str]:
    different: list[dict[str, Any]] = []
    for row in rows:
        if row.versions and row.versions not in different:
            different.append(row.versions)
    if len(different) > 1:
        return [f"the runs were computed with {len(different)} different sets of versions"]
    return []


def _close_outcomes(rows: Sequence[Row]) -> list[str]:
    """Whether the gap is nothing but the test error, as where every run fits its training set."""
    differences = [
        abs(row.generalization_gap - row.test_error)
        for row in rows
        if row.generalization_gap is not None and row.test_error is not None
    ]
    if differences and max(differences) <= _SAME_OUTCOME:
        return [
            "train accuracy is 100 % in all runs (to "
            f"{_SAME_OUTCOME:g} points): the gap is the test error, one outcome under two names"
        ]
    return []


def _words(name: str) -> str:
    return name.replace("_", " ")


def _listing(names: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
