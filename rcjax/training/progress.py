"""What the user sees while a run goes on, and at its end."""

import sys
import time
from typing import Any

from tqdm import tqdm

from rcjax.training.record import mean_and_error


class ProgressDisplay:
    """A bar on a terminal, plain lines elsewhere (a log file, a batch job).

    Args:
        epochs: epochs of the whole run.
        completed: epochs done already, by the run that is resumed.
        examples: training examples in an epoch.
    """

    def __init__(self, epochs: int, completed: int, examples: int):
        self._epochs = epochs
        self._examples = examples
        self._completed = completed
        self._start: float | None = None  # of the first epoch, once compilation is over
        self._regions = ""
        self._bar = None
        if sys.stdout.isatty():
            self._bar = tqdm(
                total=epochs, initial=completed, unit="epoch", file=sys.stdout, dynamic_ncols=True
            )

    def message(self, text: str) -> None:
        """Prints a line without disturbing the bar."""
        if self._bar is not None:
            self._bar.write(text)
        else:
            print(text, flush=True)

    def epoch(self, entry: dict[str, Any], seconds: float) -> None:
        """Shows an epoch that took `seconds`; `entry` as in the record's list "epochs"."""
        rate = self._examples / seconds
        if self._start is None:
            self._start = time.monotonic() - seconds
        if self._bar is not None:
            figures = (
                f"{rate:.0f} images/s, loss {entry['train_loss']:.4f}, "
                f"accuracy {entry['train_accuracy']:.2f} %{self._regions}"
            )
            self._bar.set_postfix_str(figures, refresh=False)
            self._bar.update()
            return
        done = entry["epoch"] - self._completed
        left = (time.monotonic() - self._start) / done * (self._epochs - entry["epoch"])
        self.message(
            f"epoch {entry['epoch']}/{self._epochs}: loss {entry['train_loss']:.4f}, "
            f"accuracy {entry['train_accuracy']:.2f} %, {rate:.0f} images/s, "
            f"{_duration(left)} left"
        )

    def evaluation(self, entry: dict[str, Any]) -> None:
        """Shows an evaluation; `entry` as in the record's history."""
        regions = entry["region_count"]
        self._regions = f", regions {regions['mean']:.2f}"
        self.message(
            f"after {entry['epoch']} epochs: train {entry['train_accuracy']:.2f} %, "
            f"test {entry['test_accuracy']:.2f} %, gap {entry['generalization_gap']:.2f}, "
            f"regions {mean_and_error(regions)}"
        )

    def close(self) -> None:
        """Leaves the terminal in order."""
        if self._bar is not None:
            self._bar.close()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
