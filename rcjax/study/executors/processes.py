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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rcjax
from rcjax.study.executors import Report
from rcjax.study.executors.resources import Share, shares
from rcjax.study.runs import FAILED, INTERRUPTED, Job, Outcome

_TICK = 0.2  # seconds between looks at `stop`


def execute(
    jobs: Sequence[Job], settings: Mapping[str, Any], report: Report, stop: threading.Event
) -> None:
    """Does the jobs in `settings["workers"]` processes; see `rcjax.study.executors.resources`.

    Raises:
        UserError: fewer GPUs than asked for.
    """
    pool = _Pool(jobs, shares(settings)[: len(jobs)], settings["retries"], stop)
    pool.work(report)


class _Pool:
    """One thread for each worker process, which does nothing but wait for it."""

    def __init__(
        self, jobs: Sequence[Job], places: Sequence[Share], retries: int, stop: threading.Event
    ):
        self._pending: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            self._pending.put(job)
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        logs = jobs[0].log.parent if jobs else Path()
        self._workers = [
            _Worker(share, logs / f"worker-{number}.txt") for number, share in enumerate(places)
        ]
        self._retries = retries
        self._stop = stop

    def work(self, report: Report) -> None:
        threads = [
            threading.Thread(target=self._serve, args=(worker,), daemon=True)
            for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        asked = False
        try:
            while any(thread.is_alive() for thread in threads):
                self._pass_on(report, _TICK)
                if self._stop.is_set() and not asked:
                    asked = True
                    for worker in self._workers:
                        worker.ask_to_stop()
            self._pass_on(report, 0.0)
        finally:
            for worker in self._workers:
                worker.end()

    def _pass_on(self, report: Report, seconds: float) -> None:
        """Reports what has ended, waiting for the first of it."""
        try:
            report(self._outcomes.get(timeout=seconds))
            while True:
                report(self._outcomes.get_nowait())
        except queue.Empty:
            return

    def _serve(self, worker: "_Worker") -> None:
        while not self._stop.is_set():
            try:
                job = self._pending.get_nowait()
            except queue.Empty:
                break
            self._outcomes.put(self._attempt(worker, job))
        worker.end()

    def _attempt(self, worker: "_Worker", job: Job) -> Outcome:
        for _ in range(self._retries + 1):
            outcome = worker.do(job)
            if outcome is not None and outcome.status != INTERRUPTED:
                return outcome
            end = worker.end()
            if self._stop.is_set():
                return outcome or Outcome(job.name, INTERRUPTED, f"its worker {end}")
        times = "once" if self._retries == 0 else f"{self._retries + 1} times"
        return Outcome(job.name, FAILED, f"its worker {end}, {times}; see {worker.log}")


class _Worker:
    """A worker process; started for its first job, and again after it has died.

    Args:
        share: what it may use of the machine.
        log: what the process itself prints.
    """

    def __init__(self, share: Share, log: Path):
        self.log = log
        self._share = share
        self._process: subprocess.Popen[str] | None = None

    def do(self, job: Job) -> Outcome | None:
        """Waits for a job's outcome; None if the process died meanwhile."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job._asdict()) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return None
        answer = process.stdout.readline()
        # A worker that is killed while it answers leaves half a line.
        return Outcome(**json.loads(answer)) if answer.endswith("\n") else None

    def _start(self) -> "subprocess.Popen[str]":
        package = str(Path(rcjax.__file__).resolve().parents[1])
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        cores = ",".join(map(str, self._share.cores))
        with open(self.log, "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rcjax.study.worker", cores],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={
                    **os.environ,
                    **self._share.environment,
                    "PYTHONPATH": os.pathsep.join(paths),
                },
                # Ctrl-C is for the driver, which passes it on.
                start_new_session=True,
            )
        return self._process

    def ask_to_stop(self) -> None:
        """Asks for the run at hand to end with a checkpoint."""
        if self._process is not None:
            self._process.terminate()

    def end(self) -> str:
        """Ends the process, if there is one, and says how it ended."""
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
