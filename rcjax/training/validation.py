"""Every field of a config is checked here, before anything is created or computed."""

import math
from collections.abc import Mapping
from typing import Any

import rcjax.data
import rcjax.models
from rcjax.config import RUN_FIELDS, RunConfig, check_ranges
from rcjax.data import AnyDataset, ImageStream, check_spread
from rcjax.errors import UserError
from rcjax.models import CLASSICAL_NAMES
from rcjax.training import recipe_validation
from rcjax.training.classical import check_classical, is_classical
from rcjax.training.trackers import TRACKERS, check_tracker

_CHOICES: dict[str, tuple[str, ...]] = {
    "network": (*rcjax.models.NAMES, *CLASSICAL_NAMES),
    "precision": ("float32", "bfloat16"),
    **recipe_validation.CHOICES,
    "regions.anchors": ("train", "test"),
    "regions.sampling": ("between_points", "random_directions", "random_convex_pairs"),
    "regions.method": ("grid", "adaptive", "exact"),
    "regions.connectivity": ("", "full", "face"),
    "tracker": TRACKERS,
}
_MANY = 1_000_000
# Smallest and largest value that is allowed. Beyond the largest there is only a slip of the keys.
_RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "train_examples": (0, 1_000 * _MANY),
    "label_noise": (0, 1),
    "image_size": (0, 10_000),
    "width": (0, 100_000),
    "depth": (0, 1_000),
    "epochs": (0, _MANY),
    "batch_size": (1, _MANY),
    "weight_decay": (0, math.inf),
    "epsilon": (0, math.inf),
    "warmup_epochs": (0, _MANY),
    "random_erasing": (0, 1),
    "mixup": (0, 1000),
    "cutmix": (0, 1000),
    "schedule_final_rate": (0, math.inf),
    "schedule_factor": (0, math.inf),
    "schedule_step_epochs": (0, _MANY),
    "schedule_restart_epochs": (0, _MANY),
    "schedule_restart_multiplier": (1, 1000),
    "checkpoint_every": (1, _MANY),
    "keep_checkpoints": (1, _MANY),
    "streaming.processes": (0, 1_000),
    "streaming.checkpoint_steps": (0, _MANY),
    "streaming.evaluated_examples": (0, 1_000 * _MANY),
    "regions.every": (1, _MANY),
    "regions.slices": (1, 100_000),
    "regions.points": (2, _MANY),
    "regions.dim": (1, 5),
    "regions.batch_size": (0, _MANY),
}
_SMALLEST_FLOAT, _LARGEST_FLOAT = 1.2e-38, 3.4e38  # of float32, beside 0
_MOST_CELLS = 2**31 - 1  # of the grid of one slice: they are numbered in int32


def check_config(config: RunConfig) -> None:
    """Checks the values of all fields.

    Raises:
        UserError: the first field that is wrong, what it holds and what it may hold.
    """
    fields = config.fields()
    if config.classifier and not is_classical(config):
        names = ", ".join(f"classifier.{name}" for name, _ in config.classifier)
        raise UserError(f"the config has fields that nothing reads: {names}; remove them")
    for name in RUN_FIELDS:
        several = fields[name] if isinstance(fields[name], tuple) else (fields[name],)
        for value in several:
            if isinstance(value, float):
                _check_finite(name, value)
    rcjax.data.check_name(fields["dataset"])
    for name, choices in _CHOICES.items():
        if fields[name] not in choices:
            raise UserError(f"unknown {name} {fields[name]!r}; known: {', '.join(choices)}")
    check_ranges(fields, _RANGES)
    for name in ("learning_rate", "regions.length"):
        if fields[name] <= 0:
            raise UserError(f"config field {name} must be positive, got {fields[name]}")
    check_spread(fields["normalization_std"])
    recipe_validation.check_recipe(fields)
    _check_slices(fields)
    check_tracker(config.tracker)
    if is_classical(config):
        check_classical(config)


def _check_finite(name: str, value: float) -> None:
    # Larger ones are infinite in float32, in which the run computes, and smaller ones 0.
    if not -_LARGEST_FLOAT <= value <= _LARGEST_FLOAT:
        raise UserError(
            f"config field {name} must be a finite number, at most {_LARGEST_FLOAT:.3g}, "
            f"got {value}"
        )
    if value and abs(value) < _SMALLEST_FLOAT:
        raise UserError(
            f"config field {name} must be 0 or at least {_SMALLEST_FLOAT:.3g} in size, got {value}"
        )


def _check_slices(fields: Mapping[str, Any]) -> None:
    dim, points, method = (fields[f"regions.{name}"] for name in ("dim", "points", "method"))
    sampling = fields["regions.sampling"]
    if sampling != "between_points" and dim != 1:
        raise UserError(
            f"config field regions.dim must be 1 with regions.sampling = {sampling}, got {dim}"
        )
    extent = fields["regions.extent"]
    if len(extent) != 2 or not extent[0] < extent[1]:
        raise UserError(
            "config field regions.extent must be two numbers, the smaller one first, got "
            f"{tuple(extent)}"
        )
    if method != "grid":
        if dim != 1:
            raise UserError(
                f"config field regions.dim must be 1 with regions.method = {method}, got {dim}; "
                "regions.method = grid counts in more dimensions"
            )
    elif points**dim > _MOST_CELLS:
        raise UserError(
            f"config field regions.points = {points} makes {points}**{dim} points with "
            f"regions.dim = {dim}; at most {_MOST_CELLS} are possible: lower one of them"
        )


def check_fits(config: RunConfig, dataset: AnyDataset) -> None:
    """Checks what depends on the data set.

    Raises:
        UserError: a batch, or a slice's anchors, need more images than there are.
    """
    examples = dataset.train_size
    if config.batch_size > examples and config.epochs > 0:
        raise UserError(
            f"config field batch_size must be at most the {examples} training examples of "
            f"{dataset.name}, got {config.batch_size}"
        )
    evaluated = config.streaming.evaluated_examples
    if isinstance(dataset, ImageStream) and evaluated > examples:
        raise UserError(
            f"config field streaming.evaluated_examples must be at most the {examples} training "
            f"examples of {dataset.name} (0 takes all), got {evaluated}"
        )
