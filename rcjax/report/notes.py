"""The notes that a reader of one network's numbers must know."""

from collections.abc import Iterator, Sequence

from rcjax.report import words
from rcjax.report.texts import text_of
from rcjax.statistics import (
    SAME_OUTCOME,
    Estimate,
    MeasureStatistics,
    NetworkStatistics,
    Undefined,
    names,
    tie_breaks,
)

# Said of the outcome, not of the measures.
_OF_OUTCOME = (Undefined.CONSTANT_OUTCOME,)
# No wonder of the trivial predictor, which learning rate and batch size make.
_NOT_OF_TRIVIAL = (
    Undefined.NOTHING_LEFT,
    Undefined.NOTHING_LEFT_GIVEN_ALL,
    Undefined.NOTHING_LEFT_IN_CELLS,
    Undefined.NOTHING_OVER_SEEDS,
)


def notes(network: NetworkStatistics, fitted_accuracy: float) -> list[str]:
    """Runs without numbers, missing values, repeated rows, and why statistics are undefined."""
    lines = [*_run_notes(network, fitted_accuracy), *_statistics_notes(network)]
    return [line for line in lines if line]


def why_no_correlation(network: NetworkStatistics) -> list[str]:
    """Returns the reasons why there is no correlation of the count and the gap."""
    facts, completed = network.facts, len(network.runs.completed)
    lines = [
        text_of("note_without_numbers", status=status, runs=runs, all=len(network.runs.rows))
        for status, runs in facts.without_numbers.items()
    ]
    lines += [
        text_of("note_lacking", name=name, runs=facts.lacking[name], completed=completed)
        for name in (names.COUNT, names.GAP)
        if name in facts.lacking
    ]
    if why := network.count.pearson.undefined:
        lines.append(text_of("note_undefined", why=why, found=network.count, axis=""))
    return lines


def _run_notes(network: NetworkStatistics, fitted_accuracy: float) -> Iterator[str]:
    facts, completed = network.facts, len(network.runs.completed)
    for status, runs in facts.without_numbers.items():
        yield text_of("note_without_numbers", status=status, runs=runs, all=len(network.runs.rows))
    if facts.collapsed:
        yield text_of("note_collapsed", runs=facts.collapsed, completed=completed)
    if facts.not_fitted:
        yield text_of(
            "note_not_fitted", runs=facts.not_fitted, completed=completed, accuracy=fitted_accuracy
        )
    for name, runs in facts.lacking.items():
        yield text_of("note_lacking", name=name, runs=runs, completed=completed)
    if facts.repeated:
        yield text_of("note_repeated", groups=facts.repeated)
    if facts.same_seed:
        yield text_of("note_same_seed", groups=facts.same_seed)
    if facts.runs_per_setting:
        least, most = facts.runs_per_setting
        yield text_of("note_runs_per_setting", least=least, most=most)
    yield text_of("note_versions", number=facts.versions)
    if facts.gap_is_test_error:
        yield text_of("note_one_outcome", points=SAME_OUTCOME)


def _statistics_notes(network: NetworkStatistics) -> list[str]:
    """Each reason once, with the measures that it concerns."""
    concerned: dict[tuple[str, str], dict[str, None]] = {}
    several = (network.facts.runs_per_setting or (0, 0))[1] > 1
    for outcome, found in network.outcomes.items():
        if found is network.gap and outcome != names.GAP:
            continue  # one outcome under two names
        for measure, statistics in {**found.measures, names.TRIVIAL: found.trivial}.items():
            silent = _NOT_OF_TRIVIAL if measure == names.TRIVIAL else ()
            if not several:  # a note of the runs says it
                silent = (*silent, Undefined.NOTHING_OVER_SEEDS)
            for text, of_outcome in _reasons(statistics, silent):
                about = words.field_name(outcome) if of_outcome else ""
                concerned.setdefault((text, about), {})[words.measure_name(measure)] = None
    return [
        f"{about}: {text} ({words.some(list(measures))})"
        if about
        else f"{', '.join(measures)}: {text}"
        for (text, about), measures in concerned.items()
    ]


def _reasons(found: MeasureStatistics, silent: Sequence[Undefined]) -> Iterator[tuple[str, bool]]:
    for axis, estimate in [*found.along.items(), *_undefined(found)]:
        if estimate.undefined and estimate.undefined not in silent:
            text = text_of("note_undefined", why=estimate.undefined, found=found, axis=axis)
            yield text, estimate.undefined in _OF_OUTCOME
    if found.conditional_mutual_information.value is not None:
        if len(found.design.codes) == 2:
            yield text_of("note_given_one"), False
        if not found.design.complete:
            yield text_of("note_incomplete", found=found), False
        if found.conditional_mutual_information.interval:
            yield text_of("note_ties", orders=tie_breaks(found.design)), False


def _undefined(found: MeasureStatistics) -> list[tuple[str, Estimate]]:
    """Without what is said of each axis, or of the trivial predictor already."""
    return [
        (name, estimate)
        for name, estimate in found.estimates().items()
        if name != "pearson_minus_trivial" and not (name == "granulated_kendall" and found.along)
    ]
