"""Every field of the config is checked here, before anything is created or computed."""

import math
from typing import Any

import numpy as np

from rcjax.config import flatten
from rcjax.edge_of_stability import data
from rcjax.edge_of_stability.config import LearningRates
from rcjax.edge_of_stability.losses import TWO_CLASS_LOSSES
from rcjax.errors import UserError

_CHOICES: dict[str, tuple[str, ...]] = {
    "data.name": data.NAMES,
    "data.labels": ("alternating", "random"),
    "network.name": ("two_layer", "one_weight", "convolutional"),
    "network.output": ("trained", "fixed"),
}
# Type, smallest and largest value; a number must be finite and, where the smallest is 0, positive.
_NUMBERS: dict[str, tuple[type, float]] = {
    "seed": (int, 0),
    "seeds": (int, 1),
    "steps": (int, 1),
    "measurements": (int, 1),
    "sharpness_iterations": (int, 2),
    "data.points": (int, 1),
    "data.dim": (int, 1),
    "data.extent": (float, 0),
    "data.first_digit": (int, 0),
    "data.second_digit": (int, 0),
    "network.width": (int, 1),
    "network.init_scale": (float, 0),
    "learning_rates.smallest": (float, 0),
    "learning_rates.largest": (float, 0),
    "learning_rates.count": (int, 1),
    "fitted_loss": (float, 0),
    "diverged_loss": (float, 0),
    "bound.margin": (float, 0),
    "bound.center": (float, 0),
    "segments": (int, 1),
}
# Values that the network of one weight alone goes with: it starts at 0, whatever the seed.
_ONE_WEIGHT = {
    "seeds": 1,
    "data.points": 1,
    "data.dim": 1,
    "network.width": 1,
    "network.init_scale": 1,
    "network.output": "trained",
}
_TEXTS = ("experiment", "loss", "batch_sizes")
# What the images bring themselves, and what is known of two-layer networks only.
_NOT_OF_IMAGES = {
    "data.dim",
    "data.labels",
    "data.extent",
    "data.first_digit",
    "data.second_digit",
    "network.output",
    "bound.margin",
    "bound.center",
}


def check_config(config: dict[str, Any]) -> None:
    """Checks all fields and how they go together.

    Args:
        config: nested dicts.

    Raises:
        UserError: names the first field that cannot be used, its value, and what it takes.
    """
    fields = flatten(config)
    _check_pair(fields)
    expected = {*_CHOICES, *_NUMBERS, *_TEXTS}
    expected -= _NOT_OF_IMAGES if fields.get("data.name") == "digits" else {"segments"}
    for name in sorted(expected ^ set(fields)):
        raise UserError(
            f"config field {name} is {'missing' if name in expected else 'not known'}; "
            "see configs/edge_of_stability.py for the fields of this experiment"
        )
    for name, choices in _CHOICES.items():
        if name in fields and fields[name] not in choices:
            raise UserError(f"unknown {name} {fields[name]!r}; known: {', '.join(choices)}")
    for name, (kind, smallest) in _NUMBERS.items():
        if name in fields:
            _check_number(name, fields[name], kind, smallest)
    _check_together(fields)
    if fields["data.name"] != "digits":
        _check_points(fields)
    batch_sizes(fields["batch_sizes"], fields["data.points"])


def _check_pair(fields: dict[str, Any]) -> None:
    """First of all: which other fields there are depends on these two."""
    data_name, network_name = fields.get("data.name"), fields.get("network.name")
    if (data_name == "digits") != (network_name == "convolutional"):
        raise UserError(
            f"network.name={network_name!r} does not go with data.name={data_name!r}; the "
            "convolutional network takes 'digits' and nothing else (see "
            "configs/edge_of_stability_digits.py)"
        )
    if (data_name == "one_point") != (network_name == "one_weight"):
        raise UserError(
            f"network.name={network_name!r} does not go with data.name={data_name!r}; the network "
            "'one_weight' takes 'one_point' and nothing else (see "
            "configs/edge_of_stability.py:one_weight)"
        )


def _check_number(name: str, value: Any, kind: type, smallest: float) -> None:
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not math.isfinite(value):
        noun = "an integer" if kind is int else "a finite number"
        raise UserError(f"config field {name} takes {noun}, got {value!r}")
    if kind is float and value <= 0:
        raise UserError(f"{name} must be positive, got {value}")
    if value < smallest:
        raise UserError(f"{name} must be at least {smallest}, got {value}")


def _check_together(fields: dict[str, Any]) -> None:
    images = fields["data.name"] == "digits"
    losses = ("softmax",) if images else tuple(TWO_CLASS_LOSSES)
    if fields["loss"] not in losses:
        raise UserError(
            f"unknown loss {fields['loss']!r} for data.name={fields['data.name']!r}; "
            f"known: {', '.join(losses)}"
        )
    if fields["learning_rates.smallest"] > fields["learning_rates.largest"]:
        raise UserError(
            f"learning_rates.smallest={fields['learning_rates.smallest']} is above "
            f"learning_rates.largest={fields['learning_rates.largest']}"
        )
    if fields["steps"] % fields["measurements"]:
        raise UserError(
            f"steps={fields['steps']} must be a multiple of measurements="
            f"{fields['measurements']}, so that all stretches between are equally long"
        )


def _check_points(fields: dict[str, Any]) -> None:
    if fields["data.name"] == "one_point":
        for name, value in _ONE_WEIGHT.items():
            if fields[name] != value:
                raise UserError(f"network 'one_weight' has {name}={value}, got {fields[name]}")
    elif fields["data.points"] < 2:
        raise UserError(f"data.points must be at least 2, got {fields['data.points']}")
    if fields["data.name"] == "three_points" and fields["data.points"] != 3:
        raise UserError(f"data 'three_points' has data.points=3, got {fields['data.points']}")
    if fields["data.name"] == "line" and fields["data.dim"] != 1:
        raise UserError(f"data 'line' has data.dim=1, got {fields['data.dim']}; try 'gaussian'")
    for name in ("data.first_digit", "data.second_digit"):
        if fields[name] > 9:
            raise UserError(f"{name} must be at most 9, got {fields[name]}")
    if fields["data.first_digit"] == fields["data.second_digit"]:
        raise UserError(f"the two digits must differ, got {fields['data.first_digit']} twice")
    if fields["bound.center"] > 1:
        raise UserError(f"bound.center must be at most 1, got {fields['bound.center']}")


def batch_sizes(text: str, points: int) -> list[int]:
    """Reads the field `batch_sizes`: numbers and the word "all" between commas.

    Args:
        text: such as "all" or "16, 64, all".
        points: examples in the training set, which "all" stands for.

    Raises:
        UserError: a part is neither, is given twice, or is not in 1 .. points.
    """
    sizes: list[int] = []
    for part in str(text).split(","):
        word = part.strip()
        if word != "all" and not word.isdecimal():
            raise UserError(f"batch_sizes takes numbers and 'all' between commas, got {text!r}")
        size = points if word == "all" else int(word)
        if not 1 <= size <= points:
            raise UserError(f"batch size {size} is not in 1 .. {points}, the number of points")
        if size in sizes:
            raise UserError(f"batch size {size} is given twice in batch_sizes={text!r}")
        sizes.append(size)
    return sizes


def learning_rates(section: LearningRates) -> np.ndarray:
    """Returns the geometric ladder: float32 [count]; the smallest alone when count is 1."""
    return np.geomspace(section.smallest, section.largest, section.count).astype(np.float32)
