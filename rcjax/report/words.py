"""Numbers, names and settings in words."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rcjax.statistics import Estimate, Interval, names

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TRIVIAL_NAME = "log(batch size / learning rate)"
_DECIMALS = 3  # of correlations and the ends of their intervals, alike
# Fields of the section `regions`, where their own names say too little.
_FIELDS = {
    "dim": "slice dimension",
    "points": "points per axis",
    "slices": "number of slices",
    "anchors": "source of anchors",
    "length": "length of directions",
    "method": "estimator",
}
# Names of persons and abbreviations among the words of a name.
_SPELLED = {"pac bayes": "PAC-Bayes", "sam": "SAM", "hessian": "Hessian", "frobenius": "Frobenius"}
_MEASURES = {
    names.TRIVIAL: TRIVIAL_NAME,
    names.NULL: "random predictors",
    names.RANDOM: "at random",
    names.OTHER_HALF: "other half of the test set",
}


def correlation(value: float | None) -> str:
    """Formats a correlation with the decimals of its interval."""
    return decimal(value, _DECIMALS)


def interval(ends: Interval | None, digits: int = _DECIMALS) -> str:
    """[low, high] of a correlation, or nothing where it is unknown."""
    return f"[{decimal(ends.low, digits)}, {decimal(ends.high, digits)}]" if ends else ""


def estimate(found: Estimate) -> str:
    """Returns a correlation with its interval.

    >>> estimate(Estimate(0.5, Interval(0.25, 0.75)))
    '0.500 [0.250, 0.750]'
    """
    return f"{correlation(found.value)} {interval(found.interval)}".rstrip()


def decimal(value: float | None, digits: int = 2) -> str:
    """So many decimals, or a dash where the value is unknown."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{abs(value):.{digits}f}"
    return MINUS + text if value < 0 and float(text) else text


def p_value(value: float) -> str:
    """Two significant digits.

    >>> p_value(0.0342), p_value(0.0005), p_value(0.9)
    ('0.034', '0.0005', '0.9')
    """
    return f"{value:.2g}"


def unbroken(text: str) -> str:
    """No line ends between a symbol and its number.

    >>> unbroken("r = 0.5 (p = 0.1)").count(" ")
    1
    """
    symbol = "[rp\N{GREEK SMALL LETTER RHO}]"
    return re.sub(rf"(?<=\b{symbol}) = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}", text)


def significant(value: float) -> str:
    """Three significant digits, or a dash."""
    return DASH if not math.isfinite(value) else f"{value:.3g}".replace("-", MINUS)


def percent(share: float) -> str:
    """0.95 -> 95 %."""
    return f"{100 * share:g} %"


def setting_value(value: Any) -> str:
    """Returns the value of a setting as one writes it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(setting_value, value))
    return str(value) or "none"


def field_name(name: str) -> str:
    """learning_rate -> learning rate."""
    return _FIELDS.get(name.removeprefix("regions."), name.replace("_", " ").replace(".", " "))


def measure_name(measure: str) -> str:
    """Returns the name of a predictor as a person reads it.

    >>> measure_name("pac_bayes_flatness"), measure_name("hessian_trace"), measure_name("sample")
    ('PAC-Bayes flatness', 'Hessian trace', 'sample')
    """
    text = f" {_MEASURES.get(measure) or field_name(measure)} "
    for plain, spelled in _SPELLED.items():
        text = text.replace(f" {plain} ", f" {spelled} ")
    return text.strip()


def settings_text(settings: Mapping[str, Any]) -> str:
    """All settings on one line."""
    return ", ".join(
        f"{field_name(name)} {setting_value(value)}" for name, value in settings.items()
    )


def plural(count: int, noun: str) -> str:
    """1 run, 2 runs."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listing(parts: Sequence[str]) -> str:
    """a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def some(parts: Sequence[str], most: int = 6) -> str:
    """Returns the first of many names, and how many more there are."""
    shown = ", ".join(parts[:most])
    return shown if len(parts) <= most else f"{shown} and {len(parts) - most} more"


def level(value: Any) -> str:
    """Returns the value of an axis that has many, in two digits."""
    return f"{value:.2g}" if isinstance(value, float) else setting_value(value)
