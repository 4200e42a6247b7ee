"""The fields of a config, their types and their defaults.

A config states what it changes; the rest is the paper's run, ResNet18 on CIFAR-10 (its Table 1).
Imports nothing of rcjax, so that the command line stays quick. docs/training.md explains each.
"""

import types
from typing import Any, NamedTuple


class Field(NamedTuple):
    """Type and default of one field. The kind `tuple[float, ...]` holds several numbers."""

    kind: Any
    default: Any


NUMBERS = tuple[float, ...]
INTEGERS = tuple[int, ...]

# Of one training run.
RUN_FIELDS: dict[str, Field] = {
    "seed": Field(int, 0),
    "dataset": Field(str, "cifar10"),
    "data_dir": Field(str, ""),
    "train_examples": Field(int, 0),
    "label_noise": Field(float, 0.0),
    "image_size": Field(int, 0),
    "normalization_mean": Field(NUMBERS, ()),
    "normalization_std": Field(NUMBERS, ()),
    "network": Field(str, "resnet18"),
    "width": Field(int, 0),
    "checkpoint": Field(str, ""),
    "epochs": Field(int, 200),
    "batch_size": Field(int, 256),
    "learning_rate": Field(float, 0.1),
    "optimizer": Field(str, "sgd"),
    "momentum": Field(float, 0.9),
    "nesterov": Field(bool, False),
    "weight_decay": Field(float, 1e-6),
    "beta1": Field(float, 0.9),
    "beta2": Field(float, 0.999),
    "decay_rate": Field(float, 0.0),
    "epsilon": Field(float, 0.0),
    "sam_radius": Field(float, 0.05),
    "schedule": Field(str, "cosine"),
    "warmup_epochs": Field(int, 0),
    "schedule_final_rate": Field(float, 0.0),
    "schedule_factor": Field(float, 0.0),
    "schedule_step_epochs": Field(int, 0),
    "schedule_milestones": Field(INTEGERS, ()),
    "schedule_restart_epochs": Field(int, 0),
    "schedule_restart_multiplier": Field(int, 1),
    "random_crop": Field(bool, False),
    "random_flip": Field(bool, False),
    "random_erasing": Field(float, 0.0),
    "mixup": Field(float, 0.0),
    "cutmix": Field(float, 0.0),
    "precision": Field(str, "float32"),
    "checkpoint_every": Field(int, 10),
    "keep_checkpoints": Field(int, 3),
    "streaming.processes": Field(int, 0),
    "streaming.checkpoint_steps": Field(int, 1000),
    "streaming.evaluated_examples": Field(int, 0),
    "regions.every": Field(int, 10),
    "regions.slices": Field(int, 100),
    "regions.points": Field(int, 200),
    "regions.dim": Field(int, 1),
    "regions.extent": Field(NUMBERS, (0.0, 1.0)),
    "regions.connectivity": Field(str, ""),
    "regions.anchors": Field(str, "train"),
    "regions.sampling": Field(str, "between_points"),
    "regions.length": Field(float, 0.1),
    "regions.method": Field(str, "grid"),
    "regions.batch_size": Field(int, 0),
}

# Of a study, a grid of runs, besides those of its runs and the free sections grid and variants.
STUDY_FIELDS: dict[str, Field] = {
    "experiment": Field(str, "study"),
    "run": Field(str, ""),
    "rerun_damaged": Field(bool, False),
    "executor.name": Field(str, "in_process"),
    "executor.workers": Field(int, 0),
    "executor.retries": Field(int, 3),
    "executor.runs_together": Field(int, 1),
    "executor.cpus_per_run": Field(float, 1.0),
    "executor.gpus_per_run": Field(float, 0.0),
    "executor.ray_address": Field(str, ""),
    "measures.names": Field(str, ""),
    "measures.examples": Field(int, 1000),
    "report.bootstrap_samples": Field(int, 2000),
    "report.confidence": Field(float, 0.95),
    "report.fitted_accuracy": Field(float, 99.0),
    "report.seed": Field(int, 0),
}

FREE_SECTIONS = ("grid", "variants")  # of a study: their fields are those of a run

# Of a run of a classical classifier: hyperparameters as scikit-learn calls them.
CLASSIFIER_SECTION = "classifier"


def free_value(text: str) -> Any:
    """What a text most likely means, for a field whose type is not known here.

    >>> [free_value(text) for text in ("3", "0.5", "true", "none", "gini")]
    [3, 0.5, True, None, 'gini']
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def field_kind(name: str) -> Any:
    """The type of a field by its dotted name; None if no field is called that.

    For hyperparameters of classical classifiers, it is `free_value`.

    >>> field_kind("regions.slices"), field_kind("grid.learning_rate"), field_kind("slices")
    (<class 'int'>, tuple[float, ...], None)
    """
    section, _, rest = name.partition(".")
    if section == "grid" and (kind := run_kind(rest)):
        return types.GenericAlias(tuple, (kind, ...))
    if section == "variants" and (regions := RUN_FIELDS.get("regions." + rest.partition(".")[2])):
        return regions.kind
    study_field = STUDY_FIELDS.get(name)
    return study_field.kind if study_field else run_kind(name)


def is_run_field(name: str) -> bool:
    """Whether a dotted name is a field of a run, or a hyperparameter of a classical classifier.

    >>> is_run_field("regions.slices"), is_run_field("classifier.C"), is_run_field("executor.name")
    (True, True, False)
    """
    return run_kind(name) is not None


def run_kind(name: str) -> Any:
    """The type of a field of a run by its dotted name; None if no field is called that."""
    section, _, rest = name.partition(".")
    if section == CLASSIFIER_SECTION and rest:
        return free_value
    field = RUN_FIELDS.get(name)
    return field.kind if field else None
