"""The experiment's config as typed, frozen values; configs/edge_of_stability.py explains fields."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LearningRates:
    """The geometric ladder of learning rates."""

    smallest: float
    largest: float
    count: int


@dataclass(frozen=True)
class DataSection:
    """The training set; images bring themselves all but their number."""

    name: str
    points: int
    dim: int = 1
    labels: str = "alternating"
    extent: float = 1.0
    first_digit: int = 3
    second_digit: int = 5


@dataclass(frozen=True)
class NetworkSection:
    """The network of every run."""

    name: str
    width: int
    init_scale: float
    output: str = "trained"


@dataclass(frozen=True)
class BoundSection:
    """What regions the theorem bounds: by the outputs they reach, and by where they are."""

    margin: float = 0.5
    center: float = 0.5


@dataclass(frozen=True)
class EdgeOfStabilityConfig:
    """Every field of the experiment.

    Attributes:
        segments: between training points, on which regions of images are counted.
        given: the nested dicts that the values came from, as the record keeps them.
    """

    seed: int
    seeds: int
    loss: str
    batch_sizes: str
    steps: int
    measurements: int
    fitted_loss: float
    diverged_loss: float
    sharpness_iterations: int
    learning_rates: LearningRates
    data: DataSection
    network: NetworkSection
    bound: BoundSection
    segments: int
    given: Mapping[str, Any]


_SECTIONS: dict[str, type] = {
    "learning_rates": LearningRates,
    "data": DataSection,
    "network": NetworkSection,
    "bound": BoundSection,
}


def typed_config(checked: Mapping[str, Any]) -> EdgeOfStabilityConfig:
    """Returns the config of nested dicts that `check_config` has seen."""
    names = {field.name for field in dataclasses.fields(EdgeOfStabilityConfig)}
    values = {name: value for name, value in checked.items() if name in names}
    sections = {name: kind(**checked.get(name, {})) for name, kind in _SECTIONS.items()}
    return EdgeOfStabilityConfig(**{"segments": 0, **values, **sections, "given": checked})
