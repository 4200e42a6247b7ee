"""The config of one run as typed, frozen values: what everything below `train` reads.

Defaults are the paper's run, ResNet18 on CIFAR-10 (its Table 1); docs/training.md explains each
field. `run_config` makes a `RunConfig` once; `to_dict` is its way back to JSON.
"""

import dataclasses
import functools
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from ml_collections import ConfigDict

from rcjax.config.nesting import flatten, nested, plain
from rcjax.errors import UserError

CLASSIFIER_SECTION = "classifier"  # hyperparameters of classical classifiers, as scikit-learn's


@dataclass(frozen=True)
class StreamingSection:
    """The reading of a data set that stays on the disk."""

    processes: int = 0
    checkpoint_steps: int = 1000
    evaluated_examples: int = 0


@dataclass(frozen=True)
class RegionsSection:
    """The slices of a run, and how regions are counted along them."""

    every: int = 10
    slices: int = 100
    points: int = 200
    dim: int = 1
    extent: tuple[float, ...] = (0.0, 1.0)
    connectivity: str = ""
    anchors: str = "train"
    sampling: str = "between_points"
    length: float = 0.1
    method: str = "grid"
    batch_size: int = 0

    def replaced(self, changes: Mapping[str, Any]) -> "RegionsSection":
        """Returns the section with some fields changed; errors as in `RunConfig.replaced`."""
        return replaced(self, changes, "regions.")


@dataclass(frozen=True)
class RunConfig:
    """Every field of a run.

    Attributes:
        classifier: hyperparameters of a classical classifier, (name, value) in the order given.
    """

    seed: int = 0
    dataset: str = "cifar10"
    data_dir: str = ""
    train_examples: int = 0
    label_noise: float = 0.0
    image_size: int = 0
    normalization_mean: tuple[float, ...] = ()
    normalization_std: tuple[float, ...] = ()
    network: str = "resnet18"
    width: int = 0
    depth: int = 0
    checkpoint: str = ""
    epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 0.1
    optimizer: str = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-6
    beta1: float = 0.9
    beta2: float = 0.999
    decay_rate: float = 0.0
    epsilon: float = 0.0
    sam_radius: float = 0.05
    schedule: str = "cosine"
    warmup_epochs: int = 0
    schedule_final_rate: float = 0.0
    schedule_factor: float = 0.0
    schedule_step_epochs: int = 0
    schedule_milestones: tuple[int, ...] = ()
    schedule_restart_epochs: int = 0
    schedule_restart_multiplier: int = 1
    random_crop: bool = False
    random_flip: bool = False
    random_erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    precision: str = "float32"
    checkpoint_every: int = 10
    keep_checkpoints: int = 3
    tracker: str = "none"
    streaming: StreamingSection = StreamingSection()
    regions: RegionsSection = RegionsSection()
    classifier: tuple[tuple[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Nested dicts of values that JSON can hold; an empty section `classifier` is left out."""
        values = {
            name: dict(vars(value)) if dataclasses.is_dataclass(value) else value
            for name, value in vars(self).items()
        }
        del values[CLASSIFIER_SECTION]
        return values | ({CLASSIFIER_SECTION: dict(self.classifier)} if self.classifier else {})

    def fields(self) -> dict[str, Any]:
        """Returns the values by dotted name."""
        return flatten(self.to_dict())

    def data_choices(self) -> dict[str, Any]:
        """Returns the choices of `rcjax.data.load` beside the name of the data set."""
        return {
            "data_dir": self.data_dir or None,
            "train_examples": self.train_examples,
            "seed": self.seed,
            "label_noise": self.label_noise,
            "image_size": self.image_size,
            "normalization_mean": self.normalization_mean,
            "normalization_std": self.normalization_std,
        }

    def replaced(self, changes: Mapping[str, Any]) -> "RunConfig":
        """Returns the config with some fields changed.

        Args:
            changes: {dotted name: value}; NumPy's numbers and arrays, lists and ranges are welcome.

        Raises:
            UserError: a name that is no field, or a value of another type.

        Example:
            >>> RunConfig().replaced({"epochs": 3, "regions.dim": 2}).regions.dim
            2
        """
        return replaced(self, changes)


def run_config(given: ConfigDict | Mapping[str, Any] | RunConfig) -> RunConfig:
    """Returns the typed config of a run.

    Args:
        given: fields of a run, nested; those left out take their defaults.

    Raises:
        UserError: a field of no run, or a value of the wrong type.

    Example:
        >>> run_config({"epochs": 3, "regions": {"slices": 5}}).regions
        RegionsSection(every=10, slices=5, points=200, dim=1, extent=(0.0, 1.0), connectivity='', \
anchors='train', sampling='between_points', length=0.1, method='grid', batch_size=0)
    """
    if isinstance(given, RunConfig):
        return given
    values = given.to_dict() if isinstance(given, ConfigDict) else given
    return RunConfig().replaced(flatten(values))


_Fields = TypeVar("_Fields")  # a frozen dataclass


def replaced(section: _Fields, changes: Mapping[str, Any], prefix: str = "") -> _Fields:
    """Returns a section of a config with some fields changed.

    Args:
        section: the whole config, or a section of it.
        changes: {dotted name within the section: value}; errors as in `RunConfig.replaced`.
        prefix: of the section's dotted names.
    """
    kinds = _types_of(typing.cast(Any, type(section)))
    tree = nested(changes)
    unknown = [prefix + name for name in flatten({n: v for n, v in tree.items() if n not in kinds})]
    if unknown:
        raise UserError(
            f"the config has fields that nothing reads: {', '.join(unknown)}; remove them"
        )
    values: dict[str, Any] = {}
    for name, value in tree.items():
        present = getattr(section, name)
        if name == CLASSIFIER_SECTION and not prefix:
            values[name] = tuple((dict(present) | plain(dict(value))).items())
        elif dataclasses.is_dataclass(present):
            values[name] = replaced(present, _section(name, value), f"{name}.")
        else:
            values[name] = _converted(prefix + name, value, kinds[name])
    return dataclasses.replace(typing.cast(Any, section), **values)


@functools.cache
def _types_of(section: type) -> dict[str, Any]:
    return typing.get_type_hints(section)


def _section(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"config field {name!r} is a section, got {value!r}")
    return value


def _converted(name: str, value: Any, kind: Any) -> Any:
    value = plain(value)
    if get_origin(kind) is not tuple:
        return _number_or_text(name, value, kind)
    if not isinstance(value, tuple | list):
        raise UserError(f"config field {name} must be numbers between commas, got {value!r}")
    return tuple(_number_or_text(name, item, get_args(kind)[0]) for item in value)


def _number_or_text(name: str, value: Any, kind: type) -> Any:
    # bool is a kind of int to Python, and an integer is welcome where a number is asked for.
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise UserError(f"config field {name} must be a finite number, got {value}") from error
    if type(value) is not kind:
        raise UserError(f"config field {name} must be of type {kind.__name__}, got {value!r}")
    return value
