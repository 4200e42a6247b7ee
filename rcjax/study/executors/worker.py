"""A worker process: `python -m rcjax.study.executors.worker CORES` takes jobs from standard input.

A line of JSON for a job, a line of JSON back for its outcome. The line `stop` asks for the run at
hand to end with a checkpoint. The worker ends when its input does, whatever it is doing: when the
driver is killed, no worker outlives it.
"""

import contextlib
import gc
import json
import os
import queue
import sys
import threading
from typing import IO

from rcjax.runtime import StopRequest, shared_compilations, stop_requests
from rcjax.study.group_jobs import job_from_json
from rcjax.study.jobs import LockWait, do_job

STOP = "stop"


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
    lock_wait = LockWait()
    # Whoever signals a whole job or group of processes signals the driver too, which passes it on;
    # that must not count as a second request. The end of the input ends the worker at once.
    with stop_requests(second_ends=False) as stop, contextlib.ExitStack() as stack:
        threading.Thread(target=_receive, args=(jobs, stop), daemon=True).start()
        while True:
            job = job_from_json(jobs.get())
            stack.enter_context(shared_compilations(job.workdir))
            outcome = do_job(job, stop, lock_wait)
            print(json.dumps(outcome._asdict()), file=answers, flush=True)
            # Compiled functions and the arrays they hold refer to each other.
            gc.collect()


def _keep_standard_output_for_answers() -> IO[str]:
    """Whatever else is printed goes where errors go, so that no answer is garbled."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _receive(jobs: queue.Queue[str], stop: StopRequest) -> None:
    for line in sys.stdin:
        if line.strip() == STOP:
            stop.set()
        else:
            jobs.put(line)
    # Checkpoints and records are whole at every moment, so there is nothing to tidy up.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv)
