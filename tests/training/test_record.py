"""A record is believed only where its numbers fit each other, its status and its config."""

import copy

import pytest

from rcjax.training.record import fault_of

ERROR = (7 / 3 / 3) ** 0.5  # the variance of 1, 2 and 4 is 7 / 3
ENTRY = {"epoch": 2, "train_accuracy": 90.0, "test_accuracy": 80.0, "generalization_gap": 10.0}
SOUND = {
    "config": {"epochs": 2, "regions": {"slices": 3}},
    "status": "completed",
    "train_accuracy": 90.0,
    "test_accuracy": 80.0,
    "generalization_gap": 10.0,
    "region_count": {"mean": 7 / 3, "standard_error": ERROR, "counts": [1, 2, 4]},
    "history": [{**ENTRY, "region_count": {"mean": 7 / 3, "standard_error": ERROR}}],
    "epochs": [
        {"epoch": n, "learning_rate": 0.1, "train_loss": 0.5, "train_accuracy": 50.0}
        for n in (1, 2)
    ],
}
NOTHING = {"mean": None, "standard_error": None, "counts": None}
NONE = dict.fromkeys(("train_accuracy", "test_accuracy", "generalization_gap"))
DIVERGED = {**SOUND, **NONE, "status": "diverged", "region_count": NOTHING}
CLASSICAL = {**SOUND, "config": {"regions": {"slices": 3}}, "epochs": []}


def changed(record, path, value):
    """The record with another value at a dotted path."""
    record = copy.deepcopy(record)
    *sections, last = (int(name) if name.isdigit() else name for name in path.split("."))
    inner = record
    for section in sections:
        inner = inner[section]
    inner[last] = value
    return record


@pytest.mark.parametrize(
    "record",
    [
        SOUND,
        DIVERGED,
        CLASSICAL,
        changed(SOUND, "region_count.standard_error", None),
        changed(DIVERGED, "epochs", DIVERGED["epochs"][:1]),
        changed(DIVERGED, "epochs.1.train_loss", None),
    ],
)
def test_sound_records(record):
    assert fault_of(record) == ""


@pytest.mark.parametrize(
    ("record", "path", "value", "words"),
    [
        (SOUND, "region_count.counts", "many", "counts is"),
        (SOUND, "region_count.counts", [], "counts is"),
        (SOUND, "region_count.counts", None, "counts is null, but the status is completed"),
        (SOUND, "region_count.counts.0", 0, "holds 0"),
        (SOUND, "region_count.counts.0", 1.0, "holds 1.0"),
        (SOUND, "region_count.counts.0", True, "holds true"),
        (SOUND, "region_count.counts.0", "1", "holds"),
        (SOUND, "region_count.counts.2", 5, "mean is 2.33333, but that of its counts is 2.66667"),
        (SOUND, "config.regions.slices", 4, "counts has 3 entries, and the config asks for 4"),
        (SOUND, "region_count.mean", None, "mean is null"),
        (SOUND, "train_accuracy", None, "train_accuracy is null"),
        (SOUND, "epochs", [3, 4], "entry 1 of epochs: it is 3"),
        (SOUND, "epochs.1.epoch", 3, "entry 2 of epochs: epoch is 3, not 2"),
        (SOUND, "epochs.0.epoch", True, "epoch is true"),
        (SOUND, "epochs.0.train_loss", "low", "train_loss is"),
        (SOUND, "epochs.0.train_loss", None, "train_loss is null"),
        (SOUND, "epochs", [], "epochs has 0 entries, and the config asks for 2"),
        (SOUND, "config.epochs", 1, "epochs has 2 entries, and the config asks for 1"),
        (SOUND, "status", "diverged", "but the status is diverged"),
        (DIVERGED, "status", "completed", "but the status is completed"),
        (DIVERGED, "region_count.counts", [1], "but the status is diverged"),
        (DIVERGED, "config.epochs", 1, "epochs has 2 entries"),
        (CLASSICAL, "region_count.counts", [2, 2], "mean is"),
        (SOUND, "region_count.standard_error", 0.3, "is 0.3, but by its counts 0.881917"),
        (SOUND, "history.0.train_accuracy", 89.995, "is 90, but 89.995 at the end of history"),
        (SOUND, "history.0.region_count.mean", 9.0, "mean is 2.33333, but 9 at the end of"),
        (SOUND, "history", SOUND["history"] * 2, "history goes from epoch 2 to epoch 2"),
        (SOUND, "history", [], "history is empty"),
    ],
)
def test_damaged_records(record, path, value, words):
    assert words in fault_of(changed(record, path, value))
