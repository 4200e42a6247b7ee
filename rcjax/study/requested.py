"""The requests of a study for each trained network: measures and further region counts."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rcjax import measures
from rcjax.config import RegionsSection, RunConfig
from rcjax.data import is_streamed
from rcjax.errors import UserError
from rcjax.training import check_config, is_classical

# Measures that a study has of itself, besides those that `rcjax.measures` computes.
TRAIN_LOSS, SEED_DISAGREEMENT = "train_loss", "seed_disagreement"
REGION_ENTROPY = "region_entropy"
_NAMES = (*measures.NAMES, TRAIN_LOSS, SEED_DISAGREEMENT, REGION_ENTROPY)


@dataclass(frozen=True)
class Requested:
    """The measurements that a study asks of one run.

    Attributes:
        measures: names of the competing measures, and of those that a study has of itself.
        examples: how many training images the costly ones read.
        variants: {name: section `regions`} of the further counts.
    """

    measures: tuple[str, ...] = ()
    examples: int = 1000
    variants: Mapping[str, RegionsSection] = field(default_factory=dict)

    @property
    def computed(self) -> tuple[str, ...]:
        """Those of the measures that are computed of the trained network."""
        own = (*measures.NAMES, REGION_ENTROPY)
        return tuple(name for name in self.measures if name in own)

    def to_dict(self) -> dict[str, Any]:
        """Returns the same as JSON can hold it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Requested":
        """Reads the result of `to_dict` after a way through JSON."""
        variants = {
            name: RegionsSection().replaced(fields) for name, fields in values["variants"].items()
        }
        return cls(tuple(values["measures"]), values["examples"], variants)


def measure_names(text: str) -> tuple[str, ...]:
    """Returns the measures that the field `measures.names` asks for.

    Raises:
        UserError: a name is unknown or given twice.

    >>> measure_names(""), measure_names("path_norm, train_loss"), len(measure_names("all")) > 9
    ((), ('path_norm', 'train_loss'), True)
    """
    if text.strip() == "all":
        return _NAMES
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for position, name in enumerate(names):
        if name not in _NAMES:
            raise UserError(
                f"config field measures.names: unknown measure {name!r}; known: all, "
                f"{', '.join(_NAMES)}"
            )
        if name in names[:position]:
            raise UserError(f"config field measures.names: {name} is given twice")
    return names


def check_measurable(run: str, config: RunConfig) -> None:
    """Checks that measures can be computed of a run.

    Args:
        run: its name.
        config: of the run.

    Raises:
        UserError: it fits a classical classifier, or its data set stays on the disk.
    """
    if is_classical(config):
        raise UserError(
            f"config field measures.names must be empty: the measures are of networks, and run "
            f"{run} is of network = {config.network}"
        )
    if is_streamed(config.dataset):
        raise UserError(
            "config field measures.names must be empty: the measures need all training images "
            f"in memory, and dataset = {config.dataset} of run {run} is streamed"
        )


def variants_of(
    run: str, config: RunConfig, variants: Mapping[str, Mapping[str, Any]]
) -> dict[str, RegionsSection]:
    """Returns the section `regions` of every variant of a run's count, checked.

    Args:
        run: its name.
        config: of the run.
        variants: {name: fields of the section that it changes}.

    Raises:
        UserError: a variant cannot be counted.
    """
    found = {}
    for name, changes in variants.items():
        try:
            found[name] = config.regions.replaced(changes)
            check_config(dataclasses.replace(config, regions=found[name]))
        except UserError as error:
            raise UserError(f"variant {name} of run {run}: {error}") from error
    return found
