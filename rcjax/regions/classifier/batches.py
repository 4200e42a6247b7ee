"""Chooses the points of a batch, and the size at which a classifier is traced first.

A trace holds for one size. The first one, which tells the memory of a point, is made at a size that
is likely to serve, since tracing is most of the cost of a small count.
"""

import dataclasses
import math

# Bytes that the largest array of the forward pass may take: what the caches of a CPU hold (more
# makes a ResNet18 up to 1.4 times slower), a share of the memory of an accelerator.
_WORKING_SET = {"cpu": 8 * 2**20}
_WORKING_SET_ACCELERATOR = 4 * 2**30
_SIZES = (32, 16_384)
# For methods that ask for ever fewer points: every round ends in a batch that is half empty.
_IN_ROUNDS = 16
# On accelerators in rounds: the smallest times a power of two, at most this share of the points of
# the largest round, so that the empty halves of ten batches cost some 15 % more points. These, as
# those of a CPU below, are multiples that other axes hardly have.
_SHARE_OF_LARGEST_ROUND = 32
_SIZES_IN_ROUNDS_ACCELERATOR = (31, 992)
# On a CPU in rounds: the size for points of many features, whose networks convolve; and the sizes
# of all others, by the points of the largest round.
_MANY_FEATURES, _OF_MANY_FEATURES = 1_024, 22
_BY_LARGEST_ROUND = ((500, 62), (5_000, 248), (math.inf, 496))
_USUAL = 248
# A trace serves where its batch takes at most this share of the working set, and is not smaller
# than the best batch by more than this factor.
_SHARE_THAT_SERVES = 4


@dataclasses.dataclass(frozen=True)
class Batches:
    """What decides on a batch on each device.

    Attributes:
        features: numbers of a point.
        platform: of the devices.
        in_rounds: whether a method asks for ever fewer points, round by round.
        largest_round: points of the largest of these rounds on each device, where known.
    """

    features: int
    platform: str
    in_rounds: bool
    largest_round: int | None

    @property
    def first(self) -> int:
        """The size of the first trace."""
        if not self.in_rounds:
            return _USUAL
        on_cpu = self.platform == "cpu"
        if on_cpu and self.features >= _MANY_FEATURES:
            return _OF_MANY_FEATURES
        if not on_cpu and self.largest_round is None:
            return _USUAL
        return self._most_on_cpu if on_cpu else self._most_on_accelerator

    def best(self, bytes_per_point: int) -> int:
        """The size by the memory of a point; that of the first trace where it serves."""
        memory = _WORKING_SET.get(self.platform, _WORKING_SET_ACCELERATOR)
        if not self.in_rounds:
            return _within(memory, bytes_per_point, *_SIZES)
        if self.platform != "cpu":
            low, high = _SIZES_IN_ROUNDS_ACCELERATOR[0], self._most_on_accelerator
            return _within(memory // _IN_ROUNDS, bytes_per_point, low, high)
        if self._serves(bytes_per_point, memory):
            return self.first
        memory //= _IN_ROUNDS
        return _within(memory, bytes_per_point, _OF_MANY_FEATURES, self._most_on_cpu)

    def _serves(self, bytes_per_point: int, memory: int) -> bool:
        best = memory // _IN_ROUNDS // max(bytes_per_point, 1)
        small = self.first * bytes_per_point <= memory // _SHARE_THAT_SERVES
        return small and best <= _SHARE_THAT_SERVES * self.first

    @property
    def _most_on_cpu(self) -> int:
        if self.largest_round is None:
            return _USUAL
        return next(size for most, size in _BY_LARGEST_ROUND if self.largest_round < most)

    @property
    def _most_on_accelerator(self) -> int:
        low, high = _SIZES_IN_ROUNDS_ACCELERATOR
        if self.largest_round is None:
            return high
        times = self.largest_round // _SHARE_OF_LARGEST_ROUND // low
        return min(low << max(times.bit_length() - 1, 0), high)


def _within(memory: int, bytes_per_point: int, low: int, high: int) -> int:
    """Points that the memory holds, between two limits."""
    return min(max(memory // max(bytes_per_point, 1), low), high)
