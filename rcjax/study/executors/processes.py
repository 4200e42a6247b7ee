"""Worker processes on this machine, each doing one run after the other.

A worker that dies (killed, out of memory) is replaced, and its run goes on from its checkpoint.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rcjax.config import ExecutorSection
from rcjax.runtime import StopRequest
from rcjax.study.executors.environment import python_path
from rcjax.study.executors.executor import OnOutcome
from rcjax.study.executors.resources import WorkerResources, worker_resources
from rcjax.study.executors.worker import STOP
from rcjax.study.jobs import FAILED, INTERRUPTED, LOST, AnyJob, Outcome

_TICK = 0.2  # seconds between looks at `stop`


def execute(
    jobs: Sequence[AnyJob], settings: ExecutorSection, on_outcome: OnOutcome, stop: StopRequest
) -> None:
    """Does the jobs in `settings.workers` processes; see `rcjax.study.executors.resources`.

    Raises:
        UserError: fewer GPUs than asked for.
    """
    pool = _WorkerPool(jobs, worker_resources(settings)[: len(jobs)], settings.retries, stop)
    pool.work(on_outcome)


class _WorkerPool:
    """One thread for each worker process, which does nothing but wait for it."""

    def __init__(
        self,
        jobs: Sequence[AnyJob],
        places: Sequence[WorkerResources],
        retries: int,
        stop: StopRequest,
    ):
        self._pending: queue.SimpleQueue[AnyJob] = queue.SimpleQueue()
        for job in jobs:
            self._pending.put(job)
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        logs = jobs[0].log.parent if jobs else Path()
        self._workers = [
            _Worker(share, logs / f"worker-{number}.txt") for number, share in enumerate(places)
        ]
        self._retries = retries
        self._stop = stop
        self._obstacle = ""  # why a worker could not be started

    def work(self, on_outcome: OnOutcome) -> None:
        threads = [
            threading.Thread(target=self._serve, args=(worker,), daemon=True)
            for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                self._pass_on(on_outcome, _TICK)
                if self._stop.is_set():
                    # Each time, since one may have been started at this very moment.
                    for worker in self._workers:
                        worker.ask_to_stop()
            self._give_up_the_rest()
            self._pass_on(on_outcome, 0.0)
        finally:
            for worker in self._workers:
                worker.end()

    def _pass_on(self, on_outcome: OnOutcome, seconds: float) -> None:
        """Reports what has ended, waiting for the first of it."""
        try:
            on_outcome(self._outcomes.get(timeout=seconds))
            while True:
                on_outcome(self._outcomes.get_nowait())
        except queue.Empty:
            return

    def _give_up_the_rest(self) -> None:
        """Jobs that are left although nobody asked to stop: no worker could be started."""
        while not (self._stop.is_set() or self._pending.empty()):
            name = self._pending.get().name
            self._outcomes.put(
                Outcome(name, FAILED, f"no worker can be started ({self._obstacle})")
            )

    def _serve(self, worker: "_Worker") -> None:
        while not self._stop.is_set():
            try:
                job = self._pending.get_nowait()
            except queue.Empty:
                break
            try:
                self._outcomes.put(self._attempt(worker, job))
            except OSError as error:
                # What keeps one worker from starting may spare the others.
                self._obstacle = str(error)
                self._pending.put(job)
                break
        worker.end()

    def _attempt(self, worker: "_Worker", job: AnyJob) -> Outcome:
        """Raises OSError when no process can be started."""
        for _ in range(self._retries + 1):
            outcome = worker.do(job)
            if outcome is not None and outcome.status != INTERRUPTED:
                return outcome
            end = worker.end()
            if self._stop.is_set():
                return outcome or Outcome(job.name, LOST, f"its worker {end}")
        times = "once" if self._retries == 0 else f"{self._retries + 1} times"
        return Outcome(job.name, FAILED, f"its worker {end}, {times}; see {worker.log}")


class _Worker:
    """A worker process; started for its first job, and again after it has died.

    Args:
        share: what it may use of the machine.
        log: what the process itself prints.
    """

    def __init__(self, share: WorkerResources, log: Path):
        self.log = log
        self._share = share
        self._process: subprocess.Popen[str] | None = None
        self._asked_to_stop = False
        # One thread gives it jobs, another asks it to stop.
        self._lock = threading.Lock()

    def do(self, job: AnyJob) -> Outcome | None:
        """Waits for a job's outcome; None if the process died meanwhile.

        Raises:
            OSError: the process cannot be started.
        """
        process = self._process or self._start()
        assert process.stdout is not None
        self._tell(job.to_json())
        answer = process.stdout.readline()
        # A worker that is killed while it answers leaves half a line.
        return Outcome(**json.loads(answer)) if answer.endswith("\n") else None

    def _tell(self, line: str) -> None:
        # One that has died is noticed by its missing answer.
        with self._lock, contextlib.suppress(BrokenPipeError):
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def _start(self) -> "subprocess.Popen[str]":
        cores = ",".join(map(str, self._share.cores))
        with open(self.log, "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "rcjax.study.executors.worker", cores],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **python_path(), **self._share.environment},
                # Ctrl-C is for the driver, which passes it on.
                start_new_session=True,
            )
        self._asked_to_stop, self._process = False, process
        return process

    def ask_to_stop(self) -> None:
        """Asks for the run at hand to end with a checkpoint; a second time does nothing.

        Not by a signal: whoever signals a job or a group of processes has sent the worker its own.
        """
        if self._process is not None and not self._asked_to_stop:
            self._asked_to_stop = True
            self._tell(STOP)

    def end(self) -> str:
        """Ends the process, if there is one, and says how it ended."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return "was not started"
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                _close(stream)
        code = process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"


def _close(stream: Any) -> None:
    # Broken for a dead process with a job still in the buffer.
    with contextlib.suppress(BrokenPipeError):
        stream.close()
