"""Figures that are written as a run goes: `metrics.jsonl`, TensorBoard, a tracker."""

import math
import os
import time
from pathlib import Path
from typing import Any

from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog

from rcjax.runtime import json_line
from rcjax.training.trackers import Tracker


class MetricsWriter:
    """Writes one line for each evaluation, and scalars for each evaluation and epoch.

    A run that is resumed may have written further than its checkpoint reaches. So the lines start
    again from the checkpoint's history, and TensorBoard drops what lies beyond it.

    Args:
        lines: path of `metrics.jsonl`.
        tensorboard: folder of the event files.
        history: evaluations made so far; they are the first lines.
        completed: epochs completed so far.
        tracker: gets the same scalars.
    """

    def __init__(
        self,
        lines: Path,
        tensorboard: Path,
        history: list[dict[str, Any]],
        completed: int,
        tracker: Tracker,
    ):
        self._tracker = tracker
        self._lines = open(lines, "w", encoding="utf-8")  # noqa: SIM115 - closed in close()
        # The first step that TensorBoard forgets: everything when the run begins anew.
        purge_step = completed + 1 if completed else 0
        tensorboard.mkdir(parents=True, exist_ok=True)
        # Not a SummaryWriter: its thread dies of a write that fails, and everything after it waits
        # for ever for the queue of the dead thread.
        prefix = str(tensorboard.absolute() / "events")
        self._board = EventsWriter(prefix, f".{os.getpid()}")
        self._write_event(Event(session_log=SessionLog(status=SessionLog.START)), purge_step)
        for entry in history:
            self._write_line(entry)
            if entry["epoch"] >= purge_step:
                self._add_scalars(entry)
            # A run that goes on is a run of its own there: it begins with what was before.
            self._tracker.log(_scalars(entry), entry["epoch"])

    def evaluation(self, entry: dict[str, Any]) -> None:
        """Writes an entry of the record's history."""
        self._write_line(entry)
        self._add_scalars(entry)
        self._tracker.log(_scalars(entry), entry["epoch"])

    def _write_line(self, entry: dict[str, Any]) -> None:
        self._lines.write(json_line(entry))
        self._lines.flush()

    def _add_scalars(self, entry: dict[str, Any]) -> None:
        for name, value in _scalars(entry).items():
            self._write_event(Event(summary=summary.scalar(name, value)), entry["epoch"])
        self._board.flush()

    def _write_event(self, event: Event, step: int) -> None:
        event.wall_time, event.step = time.time(), step
        self._board.write_event(event)

    def epoch(self, entry: dict[str, Any], images_per_second: float) -> None:
        """Writes an entry of the record's list of epochs, and how fast it went."""
        names = ("train_loss", "train_accuracy", "learning_rate")
        scalars = _finite({f"epoch/{name}": entry[name] for name in names})
        scalars |= _finite({"epoch/images_per_second": images_per_second})
        for name, value in scalars.items():
            self._write_event(Event(summary=summary.scalar(name, value)), entry["epoch"])
        self._tracker.log(scalars, entry["epoch"])

    def close(self) -> None:
        """Writes what is still held back."""
        self._lines.close()
        self._board.close()
        self._tracker.close()


def _scalars(entry: dict[str, Any]) -> dict[str, float]:
    names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "generalization_gap")
    evaluation = {f"evaluation/{name}": entry[name] for name in names}
    counts = {f"region_count/{name}": value for name, value in entry["region_count"].items()}
    return _finite(evaluation | counts)


def _finite(scalars: dict[str, float]) -> dict[str, float]:
    # TensorBoard has no place for NaN and warns of it on standard error.
    return {name: value for name, value in scalars.items() if math.isfinite(value)}
