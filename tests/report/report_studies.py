"""Studies for the tests of the report: rows, and what the statistics say of them."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from rcjax.report import About, CountDefinition
from rcjax.statistics import (
    Analysis,
    Chance,
    Estimate,
    Interval,
    MeasureStatistics,
    NetworkStatistics,
    OutcomeStatistics,
    Row,
    Setting,
    analyze,
    names,
)
from rcjax.statistics.design import Design

HOSTILE = "net <b>\"&'$x_1</b>"  # a name that a page and a figure must not take as their own


def made_up(pearson: float | None, low: float = 0.5, high: float = 0.99) -> MeasureStatistics:
    """All statistics of one measure, made up around a correlation."""
    settings = [Setting("mlp", one, ()) for one in GRID]
    if pearson is None:
        return MeasureStatistics(Design(settings), 8, 20)
    interval = Interval(low, high)
    return MeasureStatistics(
        Design(settings),
        8,
        20,
        pearson=Estimate(pearson, interval, None, CLEAR),
        partial_correlation=Estimate(0.234, Interval(-0.3, 0.6)),
        partial_rank_correlation=Estimate(0.24, chance=OPEN),
        partial_correlation_within_cells=Estimate(0.38, chance=OPEN),
    )


CLEAR, OPEN = Chance(Interval(-0.3, 0.3), 0.001), Chance(Interval(-0.45, 0.44), 0.2)
GRID = [{"learning_rate": rate, "batch_size": size} for rate in (0.1, 0.01) for size in (32, 64)]


def network(*, trivial: float | None = 0.87, fitted: int = 0, **changes: Any) -> NetworkStatistics:
    """The statistics of one network, made up but for the changes."""
    count = replace(made_up(0.93), **changes)
    of_gap = OutcomeStatistics({names.COUNT: count}, made_up(trivial), made_up(0.01, -0.41, 0.42))
    found = analyze([run(0)], bootstrap_samples=10).networks["mlp"]
    fitted_only = replace(made_up(0.5), runs=fitted) if fitted else None
    return replace(found, outcomes={names.GAP: of_gap}, fitted_only=fitted_only)


def run(number: int, **changes: Any) -> Row:
    """A completed run with a history, whose numbers follow from its number."""
    random = np.random.default_rng(number)
    rate, size = (0.1, 0.01, 0.001)[number % 3], (32, 64)[number // 3 % 2]
    count = 3 - 0.6 * np.log10(rate) + size / 64 + 0.1 * random.standard_normal()
    gap = 5 * count - 9 + 0.5 * random.standard_normal()
    history = tuple(
        {
            "epoch": epoch,
            "train_accuracy": 50.0 + 2 * epoch,
            "test_accuracy": 48.0 + epoch,
            "generalization_gap": 2.0 + gap * epoch / 20,
            "region_count": {"mean": 1 + count * epoch / 20, "standard_error": 0.1},
        }
        for epoch in (0, 5, 10, 20)
    )
    content = {
        "name": f"run-{number}",
        "network": "mlp",
        "settings": {"learning_rate": rate, "batch_size": size, "weight_decay": 0.0},
        "seed": number // 6,
        "status": "completed",
        "train_accuracy": 100.0,
        "test_accuracy": 100.0 - gap,
        "generalization_gap": gap,
        "measures": {"region_count": count},
        "standard_error": 0.08,
        "history": history,
        "versions": {"jax": "0.10.2", "python": "3.11.9"},
    }
    return Row(**(content | changes))


def without_numbers(name: str, status: str, message: str = "", **changes: Any) -> Row:
    return Row(
        name,
        changes.pop("network", "mlp"),
        {"learning_rate": 1.0, "batch_size": 32, "weight_decay": 0.0},
        0,
        status,
        message=message,
        **changes,
    )


def study(
    rows: list[Row], *, variants: dict[str, Any] | None = None, known: bool = True
) -> tuple[Analysis, About]:
    """The analysis of rows and what is known of their study."""
    if not known:
        return analyze(rows, bootstrap_samples=50), About()
    return analyze(rows, bootstrap_samples=50, seed=3), About(
        {"dataset": "digits", "report": {"seed": 3}}, DEFINITION, variants or {}
    )


DEFINITION = CountDefinition(
    dim=1,
    points=200,
    connectivity="full",
    anchors="train",
    sampling="between_points",
    extent=(0.0, 1.0),
    slices=100,
    method="grid",
)
VARIANTS = {
    "dim_10": {"dim": 10},
    "dim_2": {"dim": 2},
    "points_50": {"points": 50},
    "adaptive": {"method": "adaptive"},
    "extent_-1_2": {"extent": [-1.0, 2.0]},
}


def full() -> tuple[Analysis, About]:
    """Two networks, one of them with a hostile name; measures, variants and every trouble."""
    rows = []
    for number, name in itertools.product(range(12), ("mlp", HOSTILE)):
        base = run(number)
        measures = dict(base.measures) | {"path_norm": 3.0 + number, "sharpness": 1.0}
        for place, variant in enumerate(VARIANTS):
            measures[f"region_count: {variant}"] = measures["region_count"] * (1 + 0.1 * place)
        rows.append(run(number, name=f"{name}-{number}", network=name, measures=measures))
    rows[9] = replace(rows[9], train_accuracy=90.0)
    rows.append(without_numbers("mlp-99", "diverged"))
    rows.append(without_numbers("mlp-98", "damaged", "record.json is cut off <script>alert(1)"))
    rows.append(without_numbers("mlp-97", "missing", "no record.json"))
    return study(rows, variants=VARIANTS)


def external_table() -> tuple[Analysis, About]:
    """No histories, no learning rate, nothing known of how the counts were made."""
    rows = [
        run(
            number,
            name=f"row {number}",
            settings={"depth": number % 3, "norm": ("batch", "layer")[number // 3 % 2]},
            seed=None,
            history=(),
            versions={},
            standard_error=None,
        )
        for number in range(6)
    ]
    return study(rows, known=False)


def one_run() -> tuple[Analysis, About]:
    rows = [run(0)]
    return study(rows)


def all_diverged() -> tuple[Analysis, About]:
    rows = [without_numbers(f"run-{number}", "diverged") for number in range(3)]
    return study(rows)


def many() -> tuple[Analysis, About]:
    """Nine networks, and a learning rate that differs in every run."""
    names = [f"network_{number}" for number in range(9)]
    rows = [
        run(
            number,
            name=f"{name}-{number}",
            network=name,
            settings={"learning_rate": 10 ** (-1 - number / 10), "batch_size": 32},
            history=run(number).history if number else (),
        )
        for name in names
        for number in range(15)
    ]
    return study(rows)


def varied_slices() -> tuple[Analysis, About]:
    """Settings as they come from configs: dotted names, several numbers, words, nothing."""
    extents = ([0.0, 1.0], [-1.0, 2.0])
    rows = [
        run(
            number,
            settings={
                "regions.extent": extents[number % 2],
                "precision": ("float32", "bfloat16", None)[number // 2 % 3],
                "random_crop": number % 4 < 2,
            },
        )
        for number in range(12)
    ]
    return study(rows)


STUDIES = {
    "full": full,
    "external_table": external_table,
    "one_run": one_run,
    "all_diverged": all_diverged,
    "many": many,
    "varied_slices": varied_slices,
}
