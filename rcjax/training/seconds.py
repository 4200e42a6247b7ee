"""The seconds that runs take, by what they are spent on."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Seconds:
    """Wall-clock seconds.

    Attributes:
        preparing: the data set is read, programs are compiled.
        training: epochs.
        evaluating: loss and accuracy.
        counting: regions, those of variants too.
        measuring: competing measures and predicted labels.
        keeping: checkpoints, figures and records.
    """

    preparing: float = 0.0
    training: float = 0.0
    evaluating: float = 0.0
    counting: float = 0.0
    measuring: float = 0.0
    keeping: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return sum(dataclasses.astuple(self))

    def __add__(self, other: "Seconds") -> "Seconds":
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Seconds(*(ours + theirs for ours, theirs in pairs))

    def __mul__(self, factor: float) -> "Seconds":
        return Seconds(*(factor * each for each in dataclasses.astuple(self)))

    @classmethod
    def sum(cls, several: Iterable["Seconds"]) -> "Seconds":
        """Adds up any number of them."""
        return sum(several, cls())
