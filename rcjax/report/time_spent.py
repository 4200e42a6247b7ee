"""The time that the runs of a study took, in numbers and words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TimeSpent:
    """Wall-clock time, added up over all workers and all parts of interrupted runs.

    Attributes:
        runs: that noted theirs.
        seconds: by what they were spent on, such as "training".
    """

    runs: int
    seconds: Mapping[str, float]

    def published(self) -> dict[str, Any]:
        """Returns the same as report.json holds it."""
        return {"runs": self.runs, **self.seconds, "total": sum(self.seconds.values())}

    @property
    def sentence(self) -> str:
        """The same in words.

        Example:
            >>> TimeSpent(3, {"training": 5400.0, "counting": 1800.0}).sentence
            '3 runs took 2 hours of wall-clock time: training 75 %, counting 25 %'
        """
        total = sum(self.seconds.values())
        parts = sorted(self.seconds.items(), key=lambda part: -part[1])
        shares = ", ".join(f"{name} {100 * part / total:.0f} %" for name, part in parts if part)
        amount = f"{total / 3600:.3g} hours" if total >= 3600 else f"{total / 60:.3g} minutes"
        runs = f"{self.runs:,} run{'s' * (self.runs != 1)}"
        return f"{runs} took {amount} of wall-clock time: {shares}"
