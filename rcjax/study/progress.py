"""What the user sees while the runs of a study go on."""

from rcjax.study.jobs import INTERRUPTED, LOST, Outcome
from rcjax.terminal import Bar


class StudyDisplay:
    """Shows how runs end, and how many are left.

    Args:
        runs: runs of the whole study.
        finished: runs that were over before.
    """

    def __init__(self, runs: int, finished: int):
        self._bar = Bar(runs, finished, "run", keeps_texts=True)
        self._done = finished
        self.close = self._bar.close

    def outcome(self, outcome: Outcome) -> None:
        """Shows how a run ended."""
        text = f"{outcome.name} {outcome.status}: {outcome.message}"
        if outcome.status in (INTERRUPTED, LOST):
            self._bar.message(text)
            return
        self._done += 1
        self._bar.update(self._done, text)
