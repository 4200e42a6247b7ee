"""The record of a run, `record.json`: made, checked and summarised."""

import functools
import itertools
import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rcjax.config import RUN_FIELDS, RunConfig, flatten
from rcjax.data import fingerprint
from rcjax.runtime import RecordRules, Workdir, is_finite_number, versions

_ACCURACIES = ("train_accuracy", "test_accuracy", "generalization_gap")
_COUNTED = ("mean", "counts")
_ROUNDING = 0.01  # percentage points that a gap may differ from its accuracies
_ROUNDING_OF_MEAN = 1e-4  # relative; the sum is taken in float32
_KINDS: dict[str, tuple[type, str]] = {
    "history": (list, "a list"),
    "epochs": (list, "a list"),
    "versions": (dict, "a section"),
    "region_count": (dict, "a section"),
}


def trained_record(
    config: Mapping[str, Any],
    *,
    history: Sequence[Mapping[str, Any]],
    epochs: Sequence[Mapping[str, Any]],
    counts: Sequence[int],
    source: Mapping[str, Any] | None,
    diverged: bool,
    data: Mapping[str, Any],
    together: int = 1,
) -> dict[str, Any]:
    """The record of a trained network. Holds no times: an interrupted run ends with the same one.

    Args:
        config: of the run, nested.
        history: one entry for each evaluation.
        epochs: one entry for each epoch.
        counts: regions of each slice at the last evaluation.
        source: the checkpoint that training began with; None for random weights.
        diverged: whether the loss stopped being finite. A network whose parameters are not numbers
            has no accuracy and no regions: they are None.
        data: the folder's note of the data.
        together: runs that were trained as one program at the end; another program rounds in
            another way, so a record says it.
    """
    newest = history[-1]
    regions = {**newest["region_count"], "counts": counts}
    return {
        "config": config,
        **data,
        **({"checkpoint": source} if source else {}),
        **({"runs_together": together} if together > 1 else {}),
        "status": "diverged" if diverged else "completed",
        **{name: None if diverged else newest[name] for name in _ACCURACIES},
        "region_count": dict.fromkeys(regions) if diverged else regions,
        "history": history,
        "epochs": epochs,
        "versions": versions(),
    }


def fitted_record(
    config: Mapping[str, Any],
    *,
    entry: Mapping[str, Any],
    counts: Sequence[int],
    messages: Sequence[str],
    fitted_with: Mapping[str, Any],
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns the record of a classical classifier, which is fitted at once and evaluated once.

    Args:
        config: of the run, nested, without fields that nothing read.
        entry: its one evaluation, as an entry of the history.
        counts: regions of each slice.
        messages: what scikit-learn warned of.
        fitted_with: versions of the libraries.
        data: the folder's note of the data.
    """
    return {
        "config": config,
        **data,
        "status": "completed",
        **{name: entry[name] for name in _ACCURACIES},
        "region_count": {**entry["region_count"], "counts": counts},
        "history": [entry],
        "epochs": [],
        "messages": list(messages),
        "versions": fitted_with,
    }


@dataclass(frozen=True)
class RunResult:
    """The record of a run that is over, as other rooms read it; None where a number is missing."""

    status: str
    epochs: int = 0  # trained
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    generalization_gap: float | None = None
    mean_count: float | None = None
    standard_error: float | None = None
    counts: tuple[int, ...] = ()
    history: tuple[dict[str, Any], ...] = ()
    versions: Mapping[str, Any] = field(default_factory=dict)


def result_of(record: Mapping[str, Any]) -> RunResult:
    """Returns the typed content of a sound record, which may be of an earlier version."""
    regions = record.get("region_count", {})
    return RunResult(
        record["status"],
        len(record.get("epochs", ())),
        **{name: record.get(name) for name in _ACCURACIES},
        mean_count=regions.get("mean"),
        standard_error=regions.get("standard_error"),
        counts=tuple(regions.get("counts") or ()),
        history=tuple(record.get("history", ())),
        versions=record.get("versions", {}),
    )


def fault_of(record: Mapping[str, Any]) -> str:
    """Says what is wrong with the content of a run's record; empty where it is sound.

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
    for fault_in in (
        _fault_of_epochs,
        _fault_of_counts,
        _fault_of_status,
        _fault_of_lengths,
        _fault_of_history,
    ):
        if fault := fault_in(record):
            return fault
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
    """Checks accuracies, gap and count, which the record and every entry of its history hold."""
    count = content.get("region_count", {})
    for name, value, low, high in (
        ("train_accuracy", content.get("train_accuracy"), 0, 100),
        ("test_accuracy", content.get("test_accuracy"), 0, 100),
        ("generalization_gap", content.get("generalization_gap"), -100, 100),
        ("region_count.mean", count.get("mean"), 1, math.inf),
        ("region_count.standard_error", count.get("standard_error"), 0, math.inf),
    ):
        if value is not None and not (is_finite_number(value) and low <= value <= high):
            bounds = f"from {low} to {high}" if high < math.inf else f"from {low} on"
            return f"{name} is {_shown(value)}, not a number {bounds}"
    return _fault_of_gap(content)


def _fault_of_epochs(record: Mapping[str, Any]) -> str:
    """Checks the list of epochs: one entry for each that was trained, with its numbers."""
    for number, entry in enumerate(record.get("epochs", ()), 1):
        where = f"entry {number} of epochs"
        if not isinstance(entry, dict):
            return f"{where}: it is {_shown(entry)}, not a section"
        if entry.get("epoch") != number or type(entry["epoch"]) is not int:
            return f"{where}: epoch is {_shown(entry.get('epoch'))}, not {number}"
        # A loss that was not a number is null, and so is what was computed with it.
        for name in ("learning_rate", "train_loss", "train_accuracy"):
            value = entry.get(name)
            missing = value is None and record.get("status") == "diverged"
            if not (missing or is_finite_number(value)):
                return f"{where}: {name} is {_shown(value)}, not a number"
    return ""


def _fault_of_counts(record: Mapping[str, Any]) -> str:
    """Checks the counts of the slices against their mean."""
    regions = record.get("region_count", {})
    counts, mean = regions.get("counts"), regions.get("mean")
    if counts is None:
        return ""
    if not isinstance(counts, list) or not counts:
        return f"region_count.counts is {_shown(counts)}, not a list of counts"
    for count in counts:
        if type(count) is not int or count < 1:
            return f"region_count.counts holds {_shown(count)}, not a whole number from 1 on"
    expected = sum(counts) / len(counts)
    if mean is not None and not math.isclose(mean, expected, rel_tol=_ROUNDING_OF_MEAN):
        return f"region_count.mean is {mean:g}, but that of its counts is {expected:g}"
    error = regions.get("standard_error")
    if error is not None and len(counts) > 1:
        expected = statistics.stdev(counts) / math.sqrt(len(counts))
        if not math.isclose(error, expected, rel_tol=_ROUNDING_OF_MEAN, abs_tol=_ROUNDING_OF_MEAN):
            return f"region_count.standard_error is {error:g}, but by its counts {expected:g}"
    return ""


def _fault_of_status(record: Mapping[str, Any]) -> str:
    """Checks which numbers are there against the status."""
    regions, completed = record.get("region_count", {}), record.get("status") == "completed"
    numbers = {name: record[name] for name in _ACCURACIES if name in record}
    numbers |= {f"region_count.{name}": regions[name] for name in _COUNTED if name in regions}
    for name, value in numbers.items():
        if (value is not None) != completed:
            return f"{name} is {_shown(value)}, but the status is {record.get('status')}"
    return ""


def _fault_of_lengths(record: Mapping[str, Any]) -> str:
    """Checks that the lists of epochs and of counts are as long as the config asks."""
    config = record.get("config")
    wanted = flatten(config) if isinstance(config, dict) else {}
    for name, found, asked_in in (
        ("epochs", record.get("epochs"), "epochs"),
        ("region_count.counts", record.get("region_count", {}).get("counts"), "regions.slices"),
    ):
        asked = wanted.get(asked_in)
        if found is None or not isinstance(asked, int) or len(found) == asked:
            continue
        if len(found) > asked or record.get("status") == "completed":
            return f"{name} has {len(found)} entries, and the config asks for {asked}"
    return ""


def _fault_of_history(record: Mapping[str, Any]) -> str:
    """Checks that the history rises, and ends with the numbers of the record."""
    history = record.get("history", ())
    for before, entry in itertools.pairwise(entry["epoch"] for entry in history):
        if entry <= before:
            return f"history goes from epoch {before} to epoch {entry}"
    if "history" not in record or record.get("status") != "completed":
        return ""
    if not history:
        return "history is empty, but the status is completed"
    last, found = history[-1], record.get("region_count", {})
    pairs = [(name, record.get(name), last.get(name)) for name in _ACCURACIES]
    pairs += [
        (f"region_count.{name}", found.get(name), last.get("region_count", {}).get(name))
        for name in ("mean", "standard_error")
    ]
    for name, here, there in pairs:
        if here is not None and there is not None and here != there:
            return f"{name} is {here:g}, but {there:g} at the end of history"
    return ""


def _fault_of_gap(content: Mapping[str, Any]) -> str:
    train, test, gap = (content.get(name) for name in _ACCURACIES)
    if train is None or test is None or gap is None or abs(gap - (train - test)) <= _ROUNDING:
        return ""
    return f"generalization_gap is {gap:g}, but the accuracies differ by {train - test:g}"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def closing_table(record: dict[str, Any], workdir: Any) -> str:
    """Returns the outcome of a run as lines of text, for a record as `record.json` holds it."""
    regions, config = record["region_count"], record["config"]
    rows = [
        ("status", record["status"]),
        ("network", f"{config['network']} on {config['dataset']}, seed {config['seed']}"),
    ]
    if record["status"] == "completed":
        rows += [
            ("train accuracy", f"{record['train_accuracy']:.2f} %"),
            ("test accuracy", f"{record['test_accuracy']:.2f} %"),
            ("generalization gap", f"{record['generalization_gap']:.2f} points"),
            (
                "region count",
                f"{count_text(regions)} "
                f"(mean and standard error of {len(regions['counts'])} slices)",
            ),
        ]
    else:
        rows.append(("stopped", f"after {len(record['epochs'])} epochs: the loss is not finite"))
    rows.append(("record", f"{workdir}/record.json"))
    if (Path(workdir) / "figures").is_dir():  # a classical classifier has none
        rows.append(("figures", f"{workdir}/figures"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def count_text(regions: Mapping[str, Any]) -> str:
    """Returns a count as text, such as "4.21 ± 0.13"; the mean alone where there is no error."""
    error = regions["standard_error"]
    if error is None or math.isnan(error):  # of a single slice
        return f"{regions['mean']:.2f}"
    return f"{regions['mean']:.2f} ± {error:.2f}"


RUN_RECORDS = RecordRules(fault_of, closing_table, RUN_FIELDS)


def run_workdir(path: str | os.PathLike, config: RunConfig) -> Workdir:
    """Returns the folder of a run."""
    find = functools.partial(fingerprint, config.dataset, config.data_dir)
    return Workdir(path, config.to_dict(), RUN_RECORDS, find)
