"""Numbers, names and settings in words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
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


def known(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def correlation(value: Any) -> str:
    """As many decimals as `interval` has, so that none seems to lie outside its own."""
    return decimal(value, _DECIMALS)


def ends(value: Any) -> tuple[float, float] | None:
    """The ends of an interval, or None where it is unknown."""
    if not isinstance(value, Sequence) or len(value) != 2:
        return None
    low, high = value
    return (float(low), float(high)) if known(low) and known(high) else None


def interval(value: Any) -> str:
    """[low, high] of a correlation, or nothing where it is unknown."""
    return _interval(value, _DECIMALS)


def percent_interval(value: Any) -> str:
    """The same of a percentage."""
    return _interval(value, 1)


def _interval(value: Any, digits: int) -> str:
    found = ends(value)
    return f"[{decimal(found[0], digits)}, {decimal(found[1], digits)}]" if found else ""


def decimal(value: Any, digits: int = 2) -> str:
    """So many decimals, or a dash where the value is unknown."""
    if not known(value):
        return DASH
    text = f"{abs(value):.{digits}f}"
    return MINUS + text if value < 0 and float(text) else text


def significant(value: Any) -> str:
    """Three significant digits, or a dash."""
    return DASH if not known(value) else f"{value:.3g}".replace("-", MINUS)


def percent(share: float) -> str:
    """0.95 -> 95 %."""
    return f"{100 * share:g} %"


def setting_value(value: Any) -> str:
    """The value of a setting as one writes it."""
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


def settings_text(settings: Mapping[str, Any]) -> str:
    """All settings on one line."""
    return ", ".join(
        f"{field_name(name)} {setting_value(value)}" for name, value in settings.items()
    )


def plural(count: int, noun: str) -> str:
    """1 run, 2 runs."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listing(names: Sequence[str]) -> str:
    """a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
