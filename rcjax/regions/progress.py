"""Tells how far a long count is: to a function of the caller, or on standard error."""

import sys
import time
from collections.abc import Callable
from typing import Any

_SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Reports (done, total) slices.

    Args:
        target: False for silence, True for standard error, or a function of (done, total).
        total: number of slices.
    """

    def __init__(self, target: bool | Callable[[int, int], None], total: int):
        if target is True:
            self._call: Callable[[int, int], None] | None = self._print
        elif target is False or target is None:
            self._call = None
        elif callable(target):
            self._call = target
        else:
            raise ValueError(f"progress must be True, False or a function, got {target!r}")
        self.total = total
        self._points = 0
        self._start = self._last = time.monotonic()

    def watch(self, evaluator: Any, points_per_slice: int) -> None:
        """Follows an evaluator that spends the same number of points on every slice."""
        if self._call is None:
            return

        def count(points: int) -> None:
            self._points += points
            self.report(self._points // points_per_slice)

        evaluator.follow(count)

    def after(self, start: int) -> Callable[[int, int], None]:
        """Reports of a method that counts its slices from 0, when `start` are done already."""
        return lambda done, _: self.report(start + done)

    def report(self, done: int) -> None:
        if self._call is not None:
            self._call(min(done, self.total), self.total)

    def _print(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = done / max(now - self._start, 1e-9)
        left = (total - done) / rate if rate > 0 else float("inf")
        print(
            f"regions: {done}/{total} slices, {rate:.1f} slices/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )
