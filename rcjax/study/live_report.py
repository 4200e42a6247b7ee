"""The report of a study that goes on, written now and then by a process of its own."""

import time
from collections.abc import Mapping
from pathlib import Path

from rcjax.study.executors import beside_runs
from rcjax.study.plan import StudyPlan
from rcjax.study.report_process import ReportProcess, ReportRequest
from rcjax.study.tools import Tools
from rcjax.terminal import say


class LiveReport:
    """Has reports written, one at a time and `report_every` minutes after the end of the last.

    Args:
        plan: of the study.
        path: its folder, claimed.
        tools: what starts the process.
    """

    def __init__(self, plan: StudyPlan, path: Path, tools: Tools):
        self._every = 60 * plan.settings.report_every
        self._config, self._path, self._start = plan.config, path, tools.report_aside
        self._log = path / "logs" / "report.txt"
        self._last = time.monotonic()
        self._process: ReportProcess | None = None

    def look(self, failures: Mapping[str, str]) -> None:
        """Starts a report if the study asks for it and it is time to; never waits for one.

        Args:
            failures: why runs failed until now, by name.
        """
        if self._process is not None and (code := self._process.code()) is not None:
            if code:
                say(f"the report so far could not be written; {self._log} says why")
            self.end()
            self._last = time.monotonic()
        if self._every and self._process is None and time.monotonic() - self._last >= self._every:
            request = ReportRequest(self._config, str(self._path), failures)
            self._process = self._start(request, self._log, beside_runs())

    def end(self) -> None:
        """Lets go of the process, which is ended if it still writes."""
        process, self._process = self._process, None
        if process is not None:
            process.end()
