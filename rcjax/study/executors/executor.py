"""The interface of an executor: jobs in, outcomes out."""

from collections.abc import Callable, Sequence
from typing import Protocol

from rcjax.config import ExecutorSection
from rcjax.runtime import StopRequest
from rcjax.study.jobs import AnyJob, Outcome

# Called in the driver's main thread when a run ends.
OnOutcome = Callable[[Outcome], None]


class Executor(Protocol):
    """Does jobs, in any order, until all are done or `stop` is set.

    Every job gets one outcome, except those that had not begun when `stop` was set. A worker that
    dies takes no other job with it.
    """

    def __call__(
        self,
        jobs: Sequence[AnyJob],
        settings: ExecutorSection,
        on_outcome: OnOutcome,
        stop: StopRequest,
    ) -> None: ...
