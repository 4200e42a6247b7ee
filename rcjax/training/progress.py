"""The display of a run while it goes on."""

from typing import Any

from rcjax.terminal import Bar
from rcjax.training.record import count_text


class ProgressDisplay:
    """Shows epochs and evaluations of a run.

    Args:
        epochs: epochs of the whole run.
        completed: epochs done already, by the run that is resumed.
        examples: training examples in an epoch.
    """

    def __init__(self, epochs: int, completed: int, examples: int):
        self._bar = Bar(epochs, completed, "epoch")
        self._examples = examples
        self._regions = ""
        self.message = self._bar.message
        self.start = self._bar.start
        self.close = self._bar.close

    def epoch(self, entry: dict[str, Any], seconds: float) -> None:
        """Shows an epoch that took `seconds`; `entry` as in the record's list "epochs"."""
        self._bar.update(
            entry["epoch"],
            f"loss {entry['train_loss']:.4f}, accuracy {entry['train_accuracy']:.2f} %, "
            f"{self._examples / seconds:.0f} images/s{self._regions}",
        )

    def epoch_of_group(self, completed: int, loss: float, seconds: float) -> None:
        """Shows an epoch of a group of runs; the loss is their mean."""
        speed = f"{self._examples / seconds:.0f} images/s"
        self._bar.update(completed, f"loss {loss:.4f}, {speed}")

    def evaluation(self, entry: dict[str, Any]) -> None:
        """Shows an evaluation; `entry` as in the record's history."""
        regions = entry["region_count"]
        self._regions = f", regions {regions['mean']:.2f}"
        self.message(
            f"after {entry['epoch']} epochs: train {entry['train_accuracy']:.2f} %, "
            f"test {entry['test_accuracy']:.2f} %, gap {entry['generalization_gap']:.2f}, "
            f"regions {count_text(regions)}"
        )
