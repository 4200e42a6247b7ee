"""One run as the statistics and the report read it: a row of numbers, wherever they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import nan
from typing import Any

from rcjax.statistics.names import (
    COUNT,
    GAP,
    TEST_ACCURACY,
    TEST_ERROR,
    TRAIN_ACCURACY,
    TRAIN_LOSS,
    VARIANT,
)

# Numbers beyond are taken for infinite: sums of them would be.
_LARGEST = 1e300


@dataclass(frozen=True)
class Row:
    """One training run of a study, from its folder or from a line of an external table.

    Attributes:
        name: the run's folder, or "row 17" of a table.
        network: name of the network.
        settings: hyperparameters that vary or are known, such as learning_rate, batch_size and
            weight_decay, without seed and network. Runs of equal network and settings are
            repetitions, which are averaged before anything is correlated.
        seed: seed of the repetition; None where it is unknown.
        status: "completed", "diverged", "missing" or "damaged". Only completed runs have numbers.
        train_accuracy, test_accuracy: percent, 0 to 100.
        generalization_gap: train minus test accuracy, percentage points.
        measures: by name: "region_count", the competing measures where computed, and the counts
            of variants as "region_count: NAME".
        standard_error: of region_count over the slices.
        halves: "region_count" by halves of the slices, and "test_accuracy" by halves of the test
            examples, where they are known.
        history: entries of the record's history, oldest first; may be empty.
        versions: what the run was computed with; may be empty.
        message: why the run is damaged or missing.

    Example:
        >>> row = Row(name="row 1", network="resnet18", settings={"learning_rate": 0.1}, seed=0,
        ...           status="completed", train_accuracy=100.0, test_accuracy=83.0,
        ...           generalization_gap=17.0, measures={"region_count": 2.7})
        >>> row.test_error
        17.0
    """

    name: str
    network: str
    settings: dict[str, Any]
    seed: int | None
    status: str
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    generalization_gap: float | None = None
    measures: dict[str, float] = field(default_factory=dict)
    standard_error: float | None = None
    halves: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()
    versions: dict[str, Any] = field(default_factory=dict)
    message: str = ""

    @property
    def test_error(self) -> float | None:
        """Wrongly predicted test examples, percent; None where the accuracy is unknown."""
        return None if self.test_accuracy is None else 100.0 - self.test_accuracy

    def value(self, name: str) -> float:
        """An outcome, an accuracy or a measure by its name; NaN where statistics cannot use it.

        They can use what is known, finite and no greater than 1e300.

        >>> row = Row("a", "mlp", {}, 0, "completed", test_accuracy=90.0, measures={"norm": 1e301})
        >>> row.value("test_error"), row.value("norm"), row.value("region_count")
        (10.0, nan, nan)
        """
        if name == GAP:
            value = self.generalization_gap
        elif name == TEST_ERROR:
            value = self.test_error
        elif name == TRAIN_ACCURACY:
            value = self.train_accuracy
        elif name == TEST_ACCURACY:
            value = self.test_accuracy
        else:
            value = self.measures.get(name)
        return float(value) if value is not None and abs(value) <= _LARGEST else nan

    def halves_of(self, name: str) -> tuple[float, float]:
        """The count or an outcome by halves; NaN where they are unknown.

        >>> Row("a", "mlp", {}, 0, "completed", halves={"test_accuracy": (90.0, 80.0)}).halves_of(
        ...     "test_error")
        (10.0, 20.0)
        """
        if name == COUNT:
            return self.halves.get(COUNT, (nan, nan))
        first, second = self.halves.get(TEST_ACCURACY, (nan, nan))
        best = 100.0 if name == TEST_ERROR else self.value(TRAIN_ACCURACY)
        return best - first, best - second

    def value_at(self, epoch: int, name: str) -> float:
        """A number of the history after an epoch; NaN where it is unknown.

        >>> entry = {"epoch": 5, "train_loss": 0.2, "region_count": {"mean": 3.0}}
        >>> row = Row("a", "mlp", {}, 0, "completed", history=(entry,))
        >>> row.value_at(5, "train_loss"), row.value_at(5, "region_count"), row.value_at(9, "gap")
        (0.2, 3.0, nan)
        """
        value = self._by_epoch.get(epoch, {}).get(name)
        value = value.get("mean") if isinstance(value, Mapping) else value
        return float(value) if value is not None and abs(value) <= _LARGEST else nan

    @cached_property
    def _by_epoch(self) -> dict[int, dict[str, Any]]:
        return {int(entry["epoch"]): entry for entry in self.history}

    @property
    def train_loss(self) -> float:
        """After training: as a measure, or of the last entry of the history; NaN if unknown."""
        value = self.value(TRAIN_LOSS)
        if value == value or not self.history:
            return value
        return self.value_at(int(self.history[-1]["epoch"]), TRAIN_LOSS)

    @property
    def count(self) -> float:
        """The region count; NaN where it is unknown."""
        return self.value(COUNT)

    @property
    def gap(self) -> float:
        """The generalization gap; NaN where it is unknown."""
        return self.value(GAP)


def variant_name(variant: str) -> str:
    """The measure that holds the count of a variant.

    >>> variant_name("dim_2")
    'region_count: dim_2'
    """
    return f"{VARIANT}{variant}"
