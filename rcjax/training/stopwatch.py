"""Adds up the seconds that a run takes, in a file beside its record.

The record itself holds no times: it is the same however often a run was interrupted.
"""

import dataclasses
import time
from pathlib import Path
from typing import Any

from rcjax.errors import UserError
from rcjax.runtime import is_finite_number, read_json, write_json
from rcjax.training.seconds import Seconds

SECONDS_FILE = "seconds.json"


class Stopwatch:
    """Divides the time of one process among what it is spent on.

    What a process that was killed had spent since it last wrote is lost.

    Args:
        file: where the seconds of earlier processes are, and those of this one go; None for none.
        shared: another one, whose laps end ours: runs that go on in turn in one process.
    """

    def __init__(self, file: Path | None, shared: "Stopwatch | None" = None):
        self._file = file
        self._clock: _Clock = shared._clock if shared is not None else _Clock()
        self.spent = Seconds()

    def lap(self, name: str) -> None:
        """Counts the time since the last lap as spent on `name`, a field of `Seconds`."""
        self.add(name, time.monotonic() - self._clock.last)

    def add(self, name: str, seconds: float) -> None:
        """Counts so many seconds in place of the time since the last lap."""
        self._clock.last = time.monotonic()
        self.spent += Seconds(**{name: seconds})

    def total(self) -> Seconds:
        """What all processes have spent."""
        before = read_seconds(self._file) if self._file is not None else None
        return (before or Seconds()) + self.spent

    def write(self) -> None:
        """Adds what was spent to the file."""
        if self._file is not None:
            write_seconds(self._file, self.total())
            self.spent = Seconds()


class _Clock:
    """When the last lap ended."""

    def __init__(self) -> None:
        self.last = time.monotonic()


def write_seconds(file: Path, seconds: Seconds) -> None:
    """Writes a file that `read_seconds` reads."""
    write_json(file, dataclasses.asdict(seconds))


def read_seconds(file: Path) -> Seconds | None:
    """Returns the seconds in a file; None where there is none, or none that can be read."""
    try:
        content: dict[str, Any] = read_json(file, remedy="remove it") if file.exists() else {}
    except UserError:  # nothing depends on it
        return None
    names = [field.name for field in dataclasses.fields(Seconds)]
    if not content or not all(is_finite_number(content.get(name)) for name in names):
        return None
    return Seconds(**{name: content[name] for name in names})
