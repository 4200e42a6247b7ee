"""The process of a report: `python -m rcjax.study.report_worker` takes a line from its input.

It ends when its input does, whatever it is doing: no report outlives the driver of the study.
"""

import contextlib
import os
import sys
import threading
from pathlib import Path

from rcjax.study.loop import report_beside_runs
from rcjax.study.report_process import ReportRequest

_NICER = 10  # what the runs do comes first


def main() -> None:
    """Writes one report."""
    request = ReportRequest.from_json(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(_NICER)
    report_beside_runs(request.config, Path(request.workdir), request.failures)


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
