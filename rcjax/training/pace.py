"""The number of steps between two moments at which a run may be stopped."""

from rcjax.runtime import Hosts

_SECONDS = 5.0  # SLURM and clouds grant 30 between their signal and the end
_ALONE = Hosts(0, 1)
_FASTER = 16  # at most so many times as many steps as were timed: a first call may be slow


class Pace:
    """Divides epochs into calls of some seconds each, by the time that steps were seen to take.

    Args:
        seconds: of a call, about; a single step may take longer.
        hosts: that train one network, and so must make the same calls: the clock of the first
            decides.
    """

    def __init__(self, seconds: float = _SECONDS, hosts: Hosts = _ALONE):
        self._hosts = hosts
        self._seconds = seconds
        self._steps = 0.0  # to train in a call; 0 before the first is timed

    def next(self, left: int) -> int:
        """Returns how many of the `left` steps of an epoch to train in the next call."""
        steps = self._hosts.from_first(lambda: max(1, int(self._steps)))
        return min(left, steps)

    def note(self, steps: int, seconds: float) -> None:
        """Takes in a call that has ended: its steps, and the seconds that it took."""
        possible = steps * self._seconds / seconds if seconds > 0 else steps * _FASTER
        self._steps = min(possible, steps * _FASTER) if not self._steps else possible
