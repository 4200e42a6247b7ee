"""The runs as the page's script reads them: to be filtered, drawn and correlated there."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

from rcjax.report import words
from rcjax.statistics import Analysis, is_number, names

MOST_EXPLORED = 20_000  # runs; a page of more would be slow and large
_FEWEST = 3
_MOST_CHOICES = 12  # more values than this are bounded from below and above
_OUTCOMES = {names.GAP: "generalization gap (points)", names.TEST_ACCURACY: "test accuracy (%)"}


def explorer_data(analysis: Analysis) -> str:
    """All runs in columns, as JSON that may stand in a page; empty where there is nothing to see.

    Runs stand in the order of the table of runs. Those that no statistic uses have no numbers.
    """
    study = analysis.study
    used = {
        row.name: number
        for number, setting in enumerate(study.with_numbers)
        for row in setting.rows
    }
    if not len(used) >= _FEWEST or len(study.rows) > MOST_EXPLORED or not study.axes:
        return ""
    variants = {name for network in study.networks for name in network.measures}
    measures = [names.COUNT, *sorted(variants - {names.COUNT})]
    networks = [network.name for network in study.networks]

    def column(name: str) -> list[float | None]:
        return [_number(row.value(name)) if row.name in used else None for row in study.rows]

    data = {
        "networks": networks,
        "network": [networks.index(row.network) for row in study.rows],
        "setting": [used.get(row.name, -1) for row in study.rows],
        "name": [row.name for row in study.rows],
        "axes": [
            {
                "label": words.field_name(axis.name),
                "levels": [words.setting_value(level) for level in axis.levels],
                "numbers": _numbers(axis.levels),
                "level": [axis.place(row.settings) for row in study.rows],
            }
            for axis in study.axes
        ],
        "measures": [[words.measure_name(name), column(name)] for name in measures],
        "outcomes": [[label, column(name)] for name, label in _OUTCOMES.items()],
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("&", "\\u0026")  # no end of the script


def _numbers(levels: Sequence[Any]) -> list[float] | None:
    """The values of an axis that is bounded instead of chosen from."""
    numbers = all(is_number(level) and isfinite(level) for level in levels)
    return [float(v) for v in levels] if numbers and len(levels) > _MOST_CHOICES else None


def _number(value: float) -> float | None:
    return float(f"{value:.5g}") if isfinite(value) else None
