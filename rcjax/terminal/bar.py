"""How far a long computation is: a bar on a terminal, plain lines in a log file."""

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from rcjax.terminal.output import UnfailingStream, escaped


class Bar:
    """Shows units done, their rate and the time left.

    Args:
        total: units in all.
        done: units done before.
        unit: the name of one unit, such as "epoch".
        stream: standard output when None, as it is at this moment: a run of a study redirects it.
        keeps_texts: whether every text stays visible above the bar, instead of the newest beside
            it.
        seconds_between_lines: least time between plain lines; the last one is always shown.
        share: of all work, done before, where units are not of equal work; None where they are.
    """

    def __init__(
        self,
        total: int,
        done: int,
        unit: str,
        *,
        stream: TextIO | None = None,
        keeps_texts: bool = False,
        seconds_between_lines: float = 0.0,
        share: float | None = None,
    ):
        self._share = self._share_before = share
        self._total = total
        self._done = self._before = done
        self._unit = unit
        self._stream = UnfailingStream(sys.stdout if stream is None else stream)
        self._keeps_texts = keeps_texts
        self._pause = seconds_between_lines
        self._start = self._last_line = time.monotonic()
        self._bar = self._tqdm() if self._stream.isatty() else None

    def _tqdm(self) -> Any:
        try:
            from tqdm import tqdm
        except ImportError:
            return None
        layout: dict[str, Any] = {}
        if self._share is not None:
            tqdm, layout = _by_work(tqdm, self._left), {"bar_format": _BY_WORK}
        return tqdm(
            total=self._total,
            initial=self._done,
            unit=self._unit,
            file=self._stream,
            dynamic_ncols=True,
            **layout,
        )

    def start(self) -> None:
        """Starts the clock again: what took time until now is no part of the rate."""
        self._start = time.monotonic()
        self._before, self._share_before = self._done, self._share
        if self._bar is not None:
            self._bar.unpause()

    def message(self, text: str) -> None:
        """Prints a line without disturbing the bar."""
        if self._bar is not None:
            self._bar.write(escaped(text), file=self._stream)
        else:
            self._stream.write(escaped(text) + "\n")
            self._stream.flush()

    def update(self, done: int, text: str = "", share: float | None = None) -> None:
        """Shows that so many units are done.

        Args:
            done: units done in all.
            text: what they brought.
            share: of all work that is done, for a bar that was made with one.
        """
        step, self._done = done - self._done, done
        self._share = share if share is not None else self._share
        if self._bar is None:
            self._line(text)
            return
        if text and self._keeps_texts:
            self.message(text)
        elif text:
            self._bar.set_postfix_str(escaped(text), refresh=False)
        self._bar.update(step)

    def _line(self, text: str) -> None:
        now = time.monotonic()
        if self._done < self._total and now - self._last_line < self._pause:
            return
        self._last_line = now
        parts = [text] if text else []
        seconds, done = now - self._start, self._done - self._before
        if seconds > 0 and done > 0:
            parts += [rate(done / seconds, self._unit), f"{self._left()} left"]
        self.message(f"{self._unit} {self._done}/{self._total}: {', '.join(parts)}")

    def _left(self) -> str:
        """The time that is left, as long as work goes on as it did."""
        if self._share is not None and self._share_before is not None:
            done, left = self._share - self._share_before, 1.0 - self._share
        else:
            done, left = float(self._done - self._before), float(self._total - self._done)
        seconds = time.monotonic() - self._start
        return duration(seconds / done * left) if done > 0 else "?"

    def close(self) -> None:
        """Leaves the terminal in order."""
        if self._bar is not None:
            self._bar.close()


_BY_WORK = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{left}, {rate_fmt}{postfix}]"


def _by_work(tqdm: Any, left: Callable[[], str]) -> Any:
    """Returns the class of a bar whose time left is ours."""

    class ByWork(tqdm):
        @property
        def format_dict(self) -> dict[str, Any]:
            return {**super().format_dict, "left": left()}

    return ByWork


def rate(per_second: float, unit: str) -> str:
    """A rate in words, by the second, the minute or the hour.

    Example:
        >>> rate(12.34, "slice"), rate(0.05, "run")
        ('12.3 slices/s', '3.0 runs/min')
    """
    for name, seconds in (("s", 1), ("min", 60)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.1f} {unit}s/{name}"
    return f"{per_second * 3600:.2g} {unit}s/h"


def duration(seconds: float) -> str:
    """A time as minutes and seconds, with hours where there are any.

    Example:
        >>> duration(75), duration(3725)
        ('1:15', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
