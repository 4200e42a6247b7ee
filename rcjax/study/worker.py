"""A worker process: `python -m rcjax.study.worker CORES` takes jobs from standard input.

A line of JSON for a job, a line of JSON back for its outcome. The worker ends when its input does,
whatever it is doing: when the driver is killed, no worker outlives it.
"""

import contextlib
import json
import os
import queue
import sys
import threading
from typing import IO

from rcjax.study.compilation import shared_compilations
from rcjax.study.runs import Job, perform
from rcjax.training.interruption import stop_requests


def main(argv: list[str]) -> None:
    """Does jobs until there are no more.

    Args:
        argv: program name; the numbers of the cores to use between commas, none for all.
    """
    # Before JAX starts its threads, of which it makes one for each core.
    if argv[1] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [int(core) for core in argv[1].split(",")])
    answers = _keep_standard_output_for_answers()
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_receive, args=(jobs,), daemon=True).start()
    with stop_requests() as stop, contextlib.ExitStack() as stack:
        while True:
            job = Job(**json.loads(jobs.get()))
            stack.enter_context(shared_compilations(job.workdir))
            outcome = perform(job, stop)
            print(json.dumps(outcome._asdict()), file=answers, flush=True)


def _keep_standard_output_for_answers() -> IO[str]:
    """Whatever else is printed goes where errors go, so that no answer is garbled."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _receive(jobs: queue.Queue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    # Checkpoints and records are whole at every moment, so there is nothing to tidy up.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv)
