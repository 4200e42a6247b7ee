"""Studies for the tests of the report: rows and what the statistics would say of them."""

import itertools
from typing import Any

import numpy as np

from rcjax.statistics import analyze
from rcjax.statistics.rows import Row

HOSTILE = "net <b>\"&'$x_1</b>"  # a name that a page and a figure must not take as their own


def statistics(pearson: float | None, low: float = 0.5, high: float = 0.99) -> dict[str, Any]:
    """All statistics of one measure, made up around a correlation."""
    if pearson is None:
        names = ("pearson", "spearman", "kendall")
        return {
            **dict.fromkeys(names),
            **{f"{name}_interval": None for name in names},
            "granulated_kendall": {"mean": None},
            "conditional_mutual_information": None,
            "partial_correlation": None,
        }
    return {
        "pearson": pearson,
        "pearson_interval": [low, high],
        "spearman": pearson - 0.02,
        "spearman_interval": [low, high],
        "kendall": pearson - 0.2,
        "kendall_interval": [low, high],
        "granulated_kendall": {"learning_rate": 0.91, "batch_size": 0.62, "mean": 0.765},
        "conditional_mutual_information": 31.4,
        "partial_correlation": 0.234,
        "controls": ["learning_rate", "batch_size"],
        "partial_correlation_interval": [-0.3, 0.6],
        "partial_rank_correlation": 0.24,
        "partial_correlation_within_cells": 0.38,
    }


def network(pearson: float | None, settings: int, runs: int, **changes: Any) -> dict[str, Any]:
    """The entry of one network."""
    own = statistics(pearson)
    return {
        "settings": settings,
        "runs": runs,
        **own,
        "null": statistics(0.01, -0.41, 0.42)
        | {"partial_correlation_within_cells_interval": [-0.45, 0.44]},
        "trivial_predictor": statistics(0.87),
        "outcomes": {"generalization_gap": {"region_count": own}, "test_error": {}},
        "fitted_only": None,
        "notes": [],
    } | changes


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


def analyzed(rows: list[Row], **changes: Any) -> dict[str, Any]:
    """The report with the statistics as they are."""
    report = analyze(rows, bootstrap_samples=50)
    return report_of(report.pop("networks"), rows, **(report | changes))


def report_of(networks: dict[str, Any], rows: list[Row], **changes: Any) -> dict[str, Any]:
    listed = {
        status: [row.name for row in rows if row.status == status]
        for status in ("diverged", "missing", "damaged")
    }
    return {
        "networks": networks,
        "listed": listed | {"not_fitted": []},
        "definition": {
            "dim": 1,
            "points": 200,
            "connectivity": "full",
            "anchors": "train",
            "sampling": "between_points",
            "extent": [0.0, 1.0],
            "slices": 100,
            "method": "grid",
        },
        "runs": [{"name": row.name} for row in rows],
        "pooled": None,
        "versions": [{"jax": "0.10.2", "runs": len(rows)}],
        "config": {"dataset": "digits", "report": {"confidence": 0.95, "seed": 3}},
        "variants": {},
    } | changes


VARIANTS = {
    "dim_10": {"regions": {"dim": 10}},
    "dim_2": {"regions": {"dim": 2}},
    "points_50": {"regions": {"points": 50}},
    "adaptive": {"regions": {"method": "adaptive"}},
    "extent_-1_2": {"regions": {"extent": [-1.0, 2.0]}},
}


def full() -> tuple[dict[str, Any], list[Row]]:
    """Two networks, one of them with a hostile name; measures, variants and every trouble."""
    rows = []
    for number, name in itertools.product(range(12), ("mlp", HOSTILE)):
        base = run(number)
        measures = dict(base.measures) | {"path_norm": 3.0 + number, "sharpness": 1.0}
        for place, variant in enumerate(VARIANTS):
            measures[f"region_count: {variant}"] = measures["region_count"] * (1 + 0.1 * place)
        rows.append(run(number, name=f"{name}-{number}", network=name, measures=measures))
    rows.append(without_numbers("mlp-99", "diverged"))
    rows.append(without_numbers("mlp-98", "damaged", "record.json is cut off <script>alert(1)"))
    rows.append(without_numbers("mlp-97", "missing", "no record.json"))
    outcomes: dict[str, Any] = {
        "generalization_gap": {
            "region_count": statistics(0.93),
            "path_norm": statistics(-0.55, -0.8, -0.1),
            "sharpness": statistics(None),
            **{
                f"region_count: {name}": statistics(0.9 - 0.05 * place)
                for place, name in enumerate(VARIANTS)
            },
        },
        "test_error": {"region_count": statistics(0.71), "path_norm": statistics(-0.31)},
    }
    note = "sharpness is the same for all settings: no correlation"
    networks = {
        "mlp": network(0.93, 6, 12, outcomes=outcomes, notes=[note]),
        HOSTILE: network(
            0.1, 6, 12, pearson_interval=[-0.4, 0.5], outcomes=outcomes,
            fitted_only=network(0.2, 6, 11),
        ),
    }  # fmt: skip
    report = report_of(networks, rows, variants=VARIANTS)
    report["listed"]["not_fitted"] = [f"{HOSTILE}-4"]
    return report, rows


def external_table() -> tuple[dict[str, Any], list[Row]]:
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
    return analyzed(rows, definition={}, config={}), rows


def one_run() -> tuple[dict[str, Any], list[Row]]:
    rows = [run(0)]
    return analyzed(rows), rows


def all_diverged() -> tuple[dict[str, Any], list[Row]]:
    rows = [without_numbers(f"run-{number}", "diverged") for number in range(3)]
    return analyzed(rows), rows


def many() -> tuple[dict[str, Any], list[Row]]:
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
    return analyzed(rows), rows


def varied_slices() -> tuple[dict[str, Any], list[Row]]:
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
    return analyzed(rows), rows


STUDIES = {
    "full": full,
    "external_table": external_table,
    "one_run": one_run,
    "all_diverged": all_diverged,
    "many": many,
    "varied_slices": varied_slices,
}
