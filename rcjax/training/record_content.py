"""What the record of a run must hold: a file may be valid JSON and still be no record."""

import json
import math
from collections.abc import Mapping
from typing import Any

from rcjax.training.files import is_number

_ROUNDING = 0.01  # percentage points that a gap may differ from its accuracies
_KINDS: dict[str, tuple[type, str]] = {
    "history": (list, "a list"),
    "epochs": (list, "a list"),
    "versions": (dict, "a section"),
    "region_count": (dict, "a section"),
}


def fault_of(record: Mapping[str, Any]) -> str:
    """What is wrong with the content of a run's record, in words; empty where it is sound.

    A diverged run has null in place of its numbers. What is not there at all is not looked at.

    Example:
        >>> sound = {"status": "diverged", "region_count": {"mean": None}, "history": []}
        >>> fault_of(sound), fault_of({**sound, "history": None})
        ('', 'history is null, not a list')
    """
    if fault := _fault_of_kinds(record) or _fault_of_numbers(record):
        return fault
    for number, entry in enumerate(record.get("history", ())):
        if fault := _fault_of_entry(entry):
            return f"entry {number} of history: {fault}"
    return ""


def _fault_of_kinds(content: Mapping[str, Any]) -> str:
    for name, (kind, words) in _KINDS.items():
        if name in content and not isinstance(content[name], kind):
            return f"{name} is {_shown(content[name])}, not {words}"
    return ""


def _fault_of_entry(entry: Any) -> str:
    if not isinstance(entry, dict):
        return f"it is {_shown(entry)}, not a section"
    if type(entry.get("epoch")) is not int:
        return f"epoch is {_shown(entry.get('epoch'))}, not a whole number"
    return _fault_of_kinds(entry) or _fault_of_numbers(entry)


def _fault_of_numbers(content: Mapping[str, Any]) -> str:
    """Of accuracies, gap and count, which the record and every entry of its history hold."""
    count = content.get("region_count", {})
    for name, value, low, high in (
        ("train_accuracy", content.get("train_accuracy"), 0, 100),
        ("test_accuracy", content.get("test_accuracy"), 0, 100),
        ("generalization_gap", content.get("generalization_gap"), -100, 100),
        ("region_count.mean", count.get("mean"), 1, math.inf),
        ("region_count.standard_error", count.get("standard_error"), 0, math.inf),
    ):
        if value is not None and not (is_number(value) and low <= value <= high):
            bounds = f"from {low} to {high}" if high < math.inf else f"from {low} on"
            return f"{name} is {_shown(value)}, not a number {bounds}"
    return _fault_of_gap(content)


def _fault_of_gap(content: Mapping[str, Any]) -> str:
    train, test, gap = (
        content.get(name) for name in ("train_accuracy", "test_accuracy", "generalization_gap")
    )
    if train is None or test is None or gap is None or abs(gap - (train - test)) <= _ROUNDING:
        return ""
    return f"generalization_gap is {gap:g}, but the accuracies differ by {train - test:g}"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
