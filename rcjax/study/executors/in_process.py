"""One run after the other in this process."""

import gc
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rcjax.study.executors import Report
from rcjax.study.runs import INTERRUPTED, Job, perform


def execute(
    jobs: Sequence[Job], settings: Mapping[str, Any], report: Report, stop: threading.Event
) -> None:
    """Does the jobs in their order."""
    for job in jobs:
        if stop.is_set():
            return
        outcome = perform(job, stop)
        if outcome.status == INTERRUPTED:
            stop.set()
        report(outcome)
        # Compiled functions and the arrays they hold refer to each other.
        gc.collect()
