"""What the user sees while the runs of a study go on."""

import sys
import time

from tqdm import tqdm

from rcjax.study.jobs import INTERRUPTED, LOST, Outcome


class StudyDisplay:
    """A bar on a terminal, plain lines elsewhere.

    Args:
        runs: runs of the whole study.
        finished: runs that were over before.
    """

    def __init__(self, runs: int, finished: int):
        self._runs = runs
        self._done = self._before = finished
        self._start = time.monotonic()
        # The runs print into their logs, by redirecting standard output.
        self._stream = sys.stdout
        self._bar = None
        if self._stream.isatty():
            self._bar = tqdm(
                total=runs, initial=finished, unit="run", file=self._stream, dynamic_ncols=True
            )

    def message(self, text: str) -> None:
        """Prints a line without disturbing the bar."""
        if self._bar is not None:
            self._bar.write(text)
        else:
            print(text, file=self._stream, flush=True)

    def outcome(self, outcome: Outcome) -> None:
        """Shows how a run ended."""
        text = f"{outcome.name} {outcome.status}: {outcome.message}"
        if outcome.status in (INTERRUPTED, LOST):
            self.message(text)
            return
        self._done += 1
        if self._bar is not None:
            self._bar.write(text)
            self._bar.update()
            return
        seconds = (time.monotonic() - self._start) / (self._done - self._before)
        left = round(seconds * (self._runs - self._done))
        self.message(
            f"{self._done}/{self._runs} runs: {text}; {60 / seconds:.1f} runs a minute, "
            f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
        )

    def close(self) -> None:
        """Leaves the terminal in order."""
        if self._bar is not None:
            self._bar.close()
