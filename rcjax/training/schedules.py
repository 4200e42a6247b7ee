"""Learning rates by name of their schedule, epoch by epoch, with PyTorch's formulas.

The rate changes once an epoch, under every schedule: it is an argument of the compiled epoch.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from rcjax.config import RunConfig

# By schedule: the config's fields that it reads besides learning_rate, epochs and warmup_epochs.
SCHEDULE_FIELDS: dict[str, tuple[str, ...]] = {
    "constant": (),
    "cosine": ("schedule_final_rate",),
    "step": ("schedule_factor", "schedule_step_epochs"),
    "multi_step": ("schedule_factor", "schedule_milestones"),
    "exponential": ("schedule_factor",),
    "one_cycle": (),
    "cosine_warm_restarts": (
        "schedule_final_rate",
        "schedule_restart_epochs",
        "schedule_restart_multiplier",
    ),
}
# PyTorch's defaults of OneCycleLR.
_RISING_SHARE, _FIRST_DIVISOR, _LAST_DIVISOR = 0.3, 25.0, 1e4


class Schedule(NamedTuple):
    """The learning rate of every epoch of a run.

    Args:
        name: a key of `SCHEDULE_FIELDS`.
        base: the run's learning rate: that of the first epoch after the warm-up, or for one_cycle
            the highest.
        epochs: of the whole run.
        warmup_epochs: the rate first rises in equal steps from `base / (warmup_epochs + 1)`, and
            is `base` after so many epochs; then the schedule has the epochs that are left.
        factor: by which step, multi_step and exponential multiply the rate.
        step_epochs: after how many epochs step does it, every time.
        milestones: after how many epochs multi_step does it; with warm-up, counted from its end.
        final_rate: at which the cosines end.
        restart_epochs: of the first cosine of cosine_warm_restarts.
        restart_multiplier: of the epochs of each further one.

    Example:
        >>> schedule = Schedule("cosine", base=0.1, epochs=6, warmup_epochs=2)
        >>> [round(schedule.rate(epoch), 4) for epoch in range(7)]
        [0.0333, 0.0667, 0.1, 0.0854, 0.05, 0.0146, 0.0]

    Source:
        Section 3 of the paper's training details (cosine, changed once an epoch);
        `torch.optim.lr_scheduler`, each stepped once an epoch, OneCycleLR too.
    """

    name: str
    base: float
    epochs: int
    warmup_epochs: int = 0
    factor: float = 0.1
    step_epochs: int = 1
    milestones: tuple[int, ...] = ()
    final_rate: float = 0.0
    restart_epochs: int = 1
    restart_multiplier: int = 1

    def rate(self, epoch: int) -> float:
        """The rate once `epoch` epochs are completed, 0 .. epochs; constant until the next is.

        Of a run of no epochs it is 0.
        """
        if self.epochs == 0:
            return 0.0
        if epoch < self.warmup_epochs:
            return self.base * (epoch + 1) / (self.warmup_epochs + 1)
        return _RULES[self.name](self, epoch - self.warmup_epochs, self.epochs - self.warmup_epochs)


def schedule_of(config: RunConfig) -> Schedule:
    """Returns the schedule that a config names. A `schedule_factor` of 0 stands for 0.1."""
    return Schedule(
        name=config.schedule,
        base=config.learning_rate,
        epochs=config.epochs,
        warmup_epochs=config.warmup_epochs,
        factor=config.schedule_factor or 0.1,
        step_epochs=config.schedule_step_epochs,
        milestones=config.schedule_milestones,
        final_rate=config.schedule_final_rate,
        restart_epochs=config.schedule_restart_epochs,
        restart_multiplier=config.schedule_restart_multiplier,
    )


def _between(start: float, end: float, position: float, length: float) -> float:
    """Half a cosine from `start` (position 0) to `end` (position `length`)."""
    return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * position / length))


def _constant(schedule: Schedule, epoch: int, epochs: int) -> float:
    return schedule.base


def _cosine(schedule: Schedule, epoch: int, epochs: int) -> float:
    return _between(schedule.base, schedule.final_rate, epoch, epochs)


def _step(schedule: Schedule, epoch: int, epochs: int) -> float:
    return schedule.base * schedule.factor ** (epoch // schedule.step_epochs)


def _multi_step(schedule: Schedule, epoch: int, epochs: int) -> float:
    return schedule.base * schedule.factor ** sum(mark <= epoch for mark in schedule.milestones)


def _exponential(schedule: Schedule, epoch: int, epochs: int) -> float:
    return schedule.base * schedule.factor**epoch


def _one_cycle(schedule: Schedule, epoch: int, epochs: int) -> float:
    first = schedule.base / _FIRST_DIVISOR
    peak, end = _RISING_SHARE * epochs - 1, epochs - 1
    if epoch <= peak:
        return _between(first, schedule.base, epoch, peak)
    return _between(schedule.base, first / _LAST_DIVISOR, min(epoch, end) - peak, end - peak)


def _cosine_warm_restarts(schedule: Schedule, epoch: int, epochs: int) -> float:
    length = schedule.restart_epochs
    while epoch >= length:
        epoch -= length
        length *= schedule.restart_multiplier
    return _between(schedule.base, schedule.final_rate, epoch, length)


_RULES: dict[str, Callable[[Schedule, int, int], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "step": _step,
    "multi_step": _multi_step,
    "exponential": _exponential,
    "one_cycle": _one_cycle,
    "cosine_warm_restarts": _cosine_warm_restarts,
}
