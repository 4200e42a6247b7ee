"""Every field of a config is checked here, before anything is created or computed."""

import math
from collections.abc import Mapping
from typing import Any

import rcjax.data
import rcjax.models
from rcjax.configuration import flatten
from rcjax.data import Dataset
from rcjax.errors import UserError

_KINDS: dict[str, type] = {
    "seed": int,
    "dataset": str,
    "data_dir": str,
    "train_examples": int,
    "network": str,
    "width": int,
    "epochs": int,
    "batch_size": int,
    "learning_rate": float,
    "momentum": float,
    "weight_decay": float,
    "random_crop": bool,
    "random_flip": bool,
    "precision": str,
    "checkpoint_every": int,
    "keep_checkpoints": int,
    "regions.every": int,
    "regions.slices": int,
    "regions.points": int,
    "regions.dim": int,
    "regions.anchors": str,
    "regions.sampling": str,
    "regions.length": float,
    "regions.method": str,
    "regions.batch_size": int,
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "dataset": tuple(rcjax.data.NAMES),
    "network": tuple(rcjax.models.NAMES),
    "precision": ("float32", "bfloat16"),
    "regions.anchors": ("train", "test"),
    "regions.sampling": ("between_points", "random_directions"),
    "regions.method": ("grid", "adaptive", "exact"),
}
# Smallest and largest value that is allowed.
_RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "train_examples": (0, math.inf),
    "width": (0, math.inf),
    "epochs": (1, math.inf),
    "batch_size": (1, math.inf),
    "weight_decay": (0, math.inf),
    "checkpoint_every": (1, math.inf),
    "keep_checkpoints": (1, math.inf),
    "regions.every": (1, math.inf),
    "regions.slices": (1, math.inf),
    "regions.points": (2, math.inf),
    "regions.dim": (1, 5),
    "regions.batch_size": (0, math.inf),
}


def check_config(config: Mapping[str, Any]) -> None:
    """Checks names, types and values of all fields.

    Args:
        config: nested dicts, `ConfigDict.to_dict()`.

    Raises:
        UserError: the first field that is wrong, what it holds and what it may hold.
    """
    fields = flatten(config)
    _check_names(fields)
    for name, kind in _KINDS.items():
        value = fields[name]
        # bool is a kind of int to Python, and an integer is welcome where a number is asked for.
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise UserError(f"config field {name} must be of type {kind.__name__}, got {value!r}")
    for name, choices in _CHOICES.items():
        if fields[name] not in choices:
            raise UserError(f"unknown {name} {fields[name]!r}; known: {', '.join(choices)}")
    for name, (smallest, largest) in _RANGES.items():
        if not smallest <= fields[name] <= largest:
            bounds = f"at least {smallest}" + (f", at most {largest}" * (largest < math.inf))
            raise UserError(f"config field {name} must be {bounds}, got {fields[name]}")
    for name in ("learning_rate", "regions.length"):
        if not 0 < fields[name] < math.inf:
            raise UserError(f"config field {name} must be positive, got {fields[name]}")
    if not 0 <= fields["momentum"] < 1:
        raise UserError(
            f"config field momentum must be at least 0 and below 1, got {fields['momentum']}"
        )
    if fields["regions.sampling"] == "random_directions" and fields["regions.dim"] != 1:
        raise UserError(
            "config field regions.dim must be 1 with regions.sampling = random_directions, "
            f"got {fields['regions.dim']}"
        )


def _check_names(fields: Mapping[str, Any]) -> None:
    missing = [name for name in _KINDS if name not in fields]
    if missing:
        raise UserError(f"the config lacks {', '.join(missing)}; copy them from configs/digits.py")
    unknown = [name for name in fields if name not in _KINDS]
    if unknown:
        raise UserError(
            f"the config has fields that nothing reads: {', '.join(unknown)}; remove them"
        )


def check_fits(config: Mapping[str, Any], dataset: Dataset) -> None:
    """Checks what depends on the data set.

    Raises:
        UserError: a batch, or a slice's anchors, need more images than there are.
    """
    examples = len(dataset.train_images)
    if config["batch_size"] > examples:
        raise UserError(
            f"config field batch_size must be at most the {examples} training examples of "
            f"{dataset.name}, got {config['batch_size']}"
        )
