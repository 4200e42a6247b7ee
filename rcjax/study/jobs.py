"""One run of a study, wherever it is executed: training, then what is computed of its network."""

import contextlib
import functools
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from rcjax.config import RunConfig, run_config
from rcjax.errors import InUseError, UserError
from rcjax.runtime import StopRequest, own_jax_settings
from rcjax.study.after_training import Measurements, measure_run
from rcjax.study.grid import PlannedRun
from rcjax.study.requested import Requested
from rcjax.study.tools import TOOLS, Tools
from rcjax.terminal import say
from rcjax.training import Interrupted, RunResult, result_of

_Done = TypeVar("_Done")
# How a run may end in a worker.
COMPLETED, DIVERGED, FAILED, IN_USE, INTERRUPTED, LOST = (
    "completed", "diverged", "failed", "in use", "interrupted", "lost",
)  # fmt: skip


class Job(NamedTuple):
    """A run, with everything that a worker needs to do it.

    Attributes:
        name: of the run.
        config: of the run.
        workdir: folder of the study.
        requested: what is computed of its network after training.
    """

    name: str
    config: RunConfig
    workdir: str
    requested: Requested = Requested()

    def to_json(self) -> str:
        """Returns the job as a line of JSON, without its end."""
        typed = {"config": self.config.to_dict(), "requested": self.requested.to_dict()}
        return json.dumps(self._asdict() | typed)

    @classmethod
    def from_json(cls, line: str) -> "Job":
        """Returns the job that `to_json` wrote."""
        values = json.loads(line)
        requested = Requested.from_dict(values["requested"])
        return cls(values["name"], run_config(values["config"]), values["workdir"], requested)

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the runs that the job makes: its own."""
        return (self.name,)

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return run_folder(self.workdir, self.name)

    @property
    def log(self) -> Path:
        """The file of everything that the run prints."""
        return Path(self.workdir) / "logs" / f"{self.name}.txt"

    def make(self, stop: StopRequest, tools: Tools) -> "Outcome":
        """Makes the run, or what is missing of it; raises as `train_and_measure`."""
        return _summary(self, result_of(_train_and_measure(self, stop, tools)))


class Outcome(NamedTuple):
    """The end of a run; JSON can hold it.

    Attributes:
        name: of the run.
        status: "completed", "diverged", "failed", "in use" (by another process), "interrupted" (on
            request, all saved) or "lost" (its worker ended before it had saved, on request).
        message: one line; why it failed, or what it found.
    """

    name: str
    status: str
    message: str


def run_folder(workdir: str | Path, name: str) -> Path:
    """Folder of a run of the study in `workdir`."""
    return Path(workdir) / "runs" / name


def make_job(run: PlannedRun, workdir: str | Path) -> Job:
    """Returns the job of a run of the study in `workdir`."""
    return Job(run.name, run.config, str(Path(workdir).absolute()), run.requested)


class LockWait:
    """How long a process waits for folders in use, over all its runs: workers of a killed driver
    release them all at once.
    """

    def __init__(self, tools: Tools = TOOLS) -> None:
        self.most = self.left = tools.lock_wait


def train_and_measure(
    job: Job, stop: StopRequest, lock_wait: LockWait, tools: Tools = TOOLS
) -> dict[str, Any]:
    """Trains a run unless it is over, computes what is missing, and returns its record.

    Args:
        job: the run.
        stop: set when the run should end at the next occasion, with a checkpoint.
        lock_wait: how long to wait while another process makes the run.
        tools: what does the work.

    Raises:
        UserError, Interrupted: as `rcjax.training.train`.
        InUseError: another process makes the run, and no time is left to wait.
    """
    return _once_free(functools.partial(_train_and_measure, job, stop, tools), stop, lock_wait)


def _once_free(work: Callable[[], _Done], stop: StopRequest, lock_wait: LockWait) -> _Done:
    while True:
        began = time.monotonic()
        try:
            return work()
        except InUseError:
            if lock_wait.left <= 0:
                raise
            if lock_wait.left == lock_wait.most:
                say(f"in use by another process; waiting {lock_wait.most:g} s at most")
            if stop.wait(0.5):
                raise
        lock_wait.left -= time.monotonic() - began


def _train_and_measure(job: Job, stop: StopRequest, tools: Tools) -> dict[str, Any]:
    record = tools.train(job.config, job.folder)
    if record["status"] == COMPLETED:
        measurements = Measurements(job.folder, job.requested)
        # Measures may take as long as the training did.
        if stop.is_set() and not measurements.complete():
            raise Interrupted("interrupted after training, all saved")
        measure_run(job.config, measurements, stop, tools)
    return record


class AnyJob(Protocol):
    """A run, or several that are made as one, with everything that a worker needs to do it."""

    @property
    def name(self) -> str:
        """Of the job."""

    @property
    def workdir(self) -> str:
        """Folder of the study."""

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the runs that it makes."""

    @property
    def log(self) -> Path:
        """The file of everything that is printed."""

    def to_json(self) -> str:
        """The job as a line of JSON, without its end."""

    def make(self, stop: StopRequest, tools: Tools) -> Outcome:
        """Makes the runs, or what is missing of them; raises as `train_and_measure`."""


@own_jax_settings()
def do_job(job: AnyJob, stop: StopRequest, lock_wait: LockWait, tools: Tools = TOOLS) -> Outcome:
    """Does a job and says how it ended; what it prints goes to the job's log.

    Args:
        job: what to make.
        stop: set when the work should end at the next occasion, with a checkpoint.
        lock_wait: how long to wait while another process makes the same.
        tools: what does the work.
    """
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        try:
            return _once_free(functools.partial(job.make, stop, tools), stop, lock_wait)
        except Interrupted as interrupted:
            return Outcome(job.name, INTERRUPTED, str(interrupted))
        except InUseError as error:
            return Outcome(job.name, IN_USE, str(error))
        except UserError as error:
            say(f"error: {error}")
            return Outcome(job.name, FAILED, str(error))
        # One run that fails must not take the others with it: its message is in the report.
        except Exception as error:
            traceback.print_exc(file=log)
            text = str(error).strip().splitlines() or ["no message"]
            return Outcome(job.name, FAILED, f"{type(error).__name__}: {text[0][:300]}")


def _summary(job: Job, result: RunResult) -> Outcome:
    if result.status != COMPLETED:
        return Outcome(job.name, DIVERGED, f"diverged after {result.epochs} epochs")
    found = (
        f"train {result.train_accuracy:.2f} %, test {result.test_accuracy:.2f} %, "
        f"regions {result.mean_count:.2f}"
    )
    return Outcome(job.name, COMPLETED, found)
