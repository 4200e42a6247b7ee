"""Times of work that is too long to be done whole: by a part that grows until it is enough."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from rcjax.training.experiment import Experiment
from rcjax.training.pace import Pace
from rcjax.training.state import TrainState

ENOUGH = 1.5  # seconds of work from which the whole can be told


class Timed(NamedTuple):
    """The seconds of some work.

    Attributes:
        all: of the whole, once everything is compiled.
        done: units that were timed.
        once: what the first of it took longer.
    """

    all: float
    done: int
    once: float


def seconds_of(work: Callable[[], Any]) -> float:
    """Returns the seconds that some work takes."""
    start = time.monotonic()
    work()
    return time.monotonic() - start


def twice(work: Callable[[], Any], enough: float = math.inf) -> tuple[float, float]:
    """Returns the seconds of some work, first and again; what took long is not done again."""
    first = seconds_of(work)
    return first, first if first > enough else min(first, seconds_of(work))


def time_part(
    work: Callable[[int], Any], units: int, first: int = 4, enough: float = ENOUGH
) -> Timed:
    """Times work of many units by a part of it, which grows until it takes long enough.

    Args:
        work: does so many units.
        units: all there are.
        first: the part to begin with.
        enough: seconds.
    """
    part = min(first, units)
    while True:
        cold, warm = twice(lambda: work(part))  # noqa: B023 - called at once
        whole = warm * units / part
        if part == units or warm >= enough:
            return Timed(whole, part, cold - warm)
        # Every size may compile a program of its own, so there should be few of them.
        grown = max(part + 1, int(part * enough / warm)) if warm > 0 else units
        part = units if whole < 4 * enough else min(units, grown)


class TimedEpoch(NamedTuple):
    """The seconds of an epoch, and the steps that tell them.

    Attributes:
        seconds: of all steps.
        steps: that were timed.
        once: what the first step took longer.
        state: after them.
    """

    seconds: float
    steps: int
    once: float
    state: TrainState


def time_epoch(experiment: Experiment, state: TrainState, enough: float = 2 * ENOUGH) -> TimedEpoch:
    """Times an epoch: a whole one where that is short, else some steps of the same program.

    Args:
        experiment: compiled parts of a run; `compile` was called.
        state: is used up.
        enough: seconds of steps from which an epoch can be told.
    """
    pace, experiment.pace = experiment.pace, Pace(enough / 4)
    try:
        first, whole = None, 0.0
        for epoch in (0, 1):  # the first may be slower: programs are loaded, memory is taken
            watch = _Watch(enough)
            for part in experiment.epoch_in_parts(state, epoch, None, watch.stopping):
                state = part.state
                if watch.stopped:  # others are pauses in which a run saves a checkpoint
                    return watch.of_steps(experiment.checkpoints_per_epoch, part.step, state)
            first, whole = whole, watch.elapsed()
        steps = experiment.checkpoints_per_epoch
        return TimedEpoch(whole, steps, max(0.0, (first or 0.0) - whole), state)
    finally:
        experiment.pace = pace


class _Watch:
    """Asks an epoch to stop once enough is known. The first step is not timed, others follow."""

    def __init__(self, enough: float):
        self._enough = enough
        self._began = time.monotonic()
        self._first = 0.0  # when the first step had ended
        self._last = 0.0
        self.stopped = False

    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def stopping(self) -> bool:
        self._last = time.monotonic()
        if not self._first:
            self._first = self._last
            return False
        self.stopped = self._last - self._first >= self._enough
        return self.stopped

    def of_steps(self, steps: int, done: int, state: TrainState) -> TimedEpoch:
        each = (self._last - self._first) / (done - 1)
        once = max(0.0, self._first - self._began - each)
        return TimedEpoch(each * steps, done - 1, once, state)
