"""Tells how far a long count is: to a function of the caller, or on standard error."""

import sys
from collections.abc import Callable

from rcjax.terminal import Bar

_SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Reports (done, total) slices.

    Args:
        target: False for silence, True for standard error, or a function of (done, total).
        total: number of slices.
    """

    def __init__(self, target: bool | Callable[[int, int], None], total: int):
        if target is True:
            self._call: Callable[[int, int], None] | None = _Shown(total)
        elif target is False or target is None:
            self._call = None
        elif callable(target):
            self._call = target
        else:
            raise ValueError(f"progress must be True, False or a function, got {target!r}")
        self.total = total
        self._points = 0

    def watch(self, follow: Callable[[Callable[[int], None]], None], points_per_slice: int) -> None:
        """Follows an evaluator (by its `follow`) that spends as many points on every slice."""
        if self._call is None:
            return

        def count(points: int) -> None:
            self._points += points
            self.report(self._points // points_per_slice)

        follow(count)

    def after(self, start: int) -> Callable[[int, int], None]:
        """Reports of a method that counts its slices from 0, when `start` are done already."""
        return lambda done, _: self.report(start + done)

    def report(self, done: int) -> None:
        """Says that so many slices are done."""
        if self._call is not None:
            self._call(min(done, self.total), self.total)


class _Shown:
    """Shows the progress on standard error."""

    def __init__(self, total: int):
        self._bar = Bar(
            total, 0, "slice", stream=sys.stderr, seconds_between_lines=_SECONDS_BETWEEN_LINES
        )

    def __call__(self, done: int, total: int) -> None:
        self._bar.update(done)
        if done == total:
            self._bar.close()
