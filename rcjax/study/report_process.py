"""A report that a process of its own writes while the study goes on.

A report of thousands of runs takes a minute, in which a driver that wrote it itself would hand no
job to its workers.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class ReportRequest(NamedTuple):
    """Everything that the process needs.

    Attributes:
        config: of the study, nested.
        workdir: its folder.
        failures: why runs failed until now, by name.
    """

    config: Mapping[str, Any]
    workdir: str
    failures: Mapping[str, str]

    def to_json(self) -> str:
        """Returns the request as a line of JSON, without its end."""
        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, line: str) -> "ReportRequest":
        """Returns the request that `to_json` wrote."""
        return cls(**json.loads(line))


class ReportProcess:
    """The process; it ends by itself once the report is written, or when this one does.

    Args:
        request: what it reports.
        log: gets what it prints.
        environment: variables that it gets beside those of this process.
    """

    def __init__(self, request: ReportRequest, log: Path, environment: Mapping[str, str]):
        with open(log, "a", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rcjax.study.report_worker"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                text=True,
                env={**os.environ, **environment},
                # Ctrl-C is for the driver, which ends it.
                start_new_session=True,
            )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # one that has died is noticed by its end
            self._process.stdin.write(request.to_json() + "\n")
            self._process.stdin.flush()

    def code(self) -> int | None:
        """Returns how it ended, 0 for a report that is written; None while it goes on."""
        return self._process.poll()

    def end(self) -> None:
        """Ends it, whatever it is doing: every file is whole, or as it was before."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
