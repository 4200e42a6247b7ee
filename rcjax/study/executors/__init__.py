"""Ways to get the runs of a study done; the config's field `executor.name` chooses one.

Each takes jobs and reports outcomes. None of them knows of grids, records or reports.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from rcjax.errors import UserError
from rcjax.study.runs import Job, Outcome

# Called in the driver's main thread as each run ends.
Report = Callable[[Outcome], None]


class Executor(Protocol):
    """Does jobs, in any order, until all are done or `stop` is set.

    Every job gets one outcome, except those that had not begun when `stop` was set. A worker that
    dies takes no other job with it.
    """

    def __call__(
        self,
        jobs: Sequence[Job],
        settings: Mapping[str, Any],
        report: Report,
        stop: threading.Event,
    ) -> None: ...


# "commands" runs nothing: it prints what a batch system is to run.
NAMES = ("in_process", "processes", "ray", "commands")


def executor_of(name: str) -> Executor:
    """The executor called `name`.

    Raises:
        UserError: there is none that does runs and is called so.
    """
    if name == "processes":
        from rcjax.study.executors.processes import execute as processes

        return processes
    if name == "in_process":
        from rcjax.study.executors.in_process import execute as in_process

        return in_process
    if name == "ray":
        from rcjax.study.executors.ray import execute as ray

        return ray
    raise UserError(f"unknown executor {name!r}; known: {', '.join(NAMES)}")
