"""Runs as Ray tasks; Ray resubmits a task when its worker or node is lost.

Needs the extra `rcjax[ray]`, and one file system that all nodes see: a resubmitted run continues
from its checkpoint on whichever node it lands.
"""

import contextlib
import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rcjax.config import ExecutorSection
from rcjax.errors import UserError
from rcjax.runtime import StopRequest, shared_compilations, stop_requests
from rcjax.study.executors.environment import computation_settings, python_path
from rcjax.study.executors.executor import OnOutcome
from rcjax.study.executors.resources import memory_share, note_idle_gpus, without_gpus
from rcjax.study.jobs import FAILED, INTERRUPTED, LOST, AnyJob, LockWait, Outcome, do_job

_TICK = 0.5  # seconds between looks at `stop`
# Seconds after which tasks are asked to stop again: one that was just beginning may have missed it.
_ASK_AGAIN = 5.0
# Silence two Ray warnings about settings we chose on purpose.
_ENVIRONMENT = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0"}


def execute(
    jobs: Sequence[AnyJob], settings: ExecutorSection, on_outcome: OnOutcome, stop: StopRequest
) -> None:
    """Does the jobs on the cluster at `settings.ray_address`, or on one that it starts here.

    Args:
        jobs: the runs.
        settings: the config's section `executor`: ray_address ("": a cluster of this machine
            alone, with `workers` cores if not 0; "auto": the one this machine belongs to; or
            "ray://host:port"), cpus_per_run, gpus_per_run and retries are read.
        on_outcome: called as each run ends.
        stop: set when the runs should end.

    Raises:
        UserError: Ray is not installed, cannot be reached, or has no node with the CPUs and GPUs
            for a run.
    """
    with _cluster(settings) as ray:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        check_resources(nodes, settings)
        # Asked for at once, not by `options`: only so is a process with a GPU used for one run.
        task = ray.remote(
            num_cpus=settings.cpus_per_run,
            num_gpus=settings.gpus_per_run,
            max_retries=settings.retries,
            runtime_env={"env_vars": task_environment(nodes, settings)},
        )(_do_job)
        _Tasks(ray, task.remote, settings.retries, stop).work(jobs, on_outcome)


def places(settings: ExecutorSection) -> int:
    """Returns how many runs the cluster at `settings.ray_address` has room for at once.

    Raises:
        UserError: as `execute`.
    """
    with _cluster(settings) as ray:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    check_resources(nodes, settings)
    cpus, gpus = settings.cpus_per_run, settings.gpus_per_run
    rooms = [
        min(node.get("CPU", 0) / cpus, node.get("GPU", 0) / gpus if gpus else math.inf)
        for node in nodes
    ]
    return sum(int(room + 1e-9) for room in rooms)


class _Tasks:
    """The tasks of a study.

    Args:
        ray: the module.
        start_task: makes a task of a job and the driver's folder.
        retries: how often an interrupted run is submitted again.
        stop: set when the runs should end.
    """

    def __init__(self, ray: Any, start_task: Callable, retries: int, stop: StopRequest):
        self._ray = ray
        self._start_task = start_task
        self._retries = retries
        self._stop = stop
        self._waiting: dict[Any, AnyJob] = {}
        self._interruptions: dict[str, int] = {}

    def work(self, jobs: Sequence[AnyJob], on_outcome: OnOutcome) -> None:
        """Submits the jobs to the cluster and hands over their outcomes."""
        for job in jobs:
            self._submit(job)
        asked = -math.inf
        while self._waiting:
            done, _ = self._ray.wait(list(self._waiting), timeout=_TICK)
            for reference in done:
                outcome = self._end(reference, self._waiting.pop(reference))
                if outcome is not None:
                    on_outcome(outcome)
            if self._stop.is_set() and time.monotonic() - asked >= _ASK_AGAIN:
                asked = time.monotonic()
                for reference in self._waiting:
                    self._ray.cancel(reference)

    def _submit(self, job: AnyJob) -> None:
        self._waiting[self._start_task(job, os.getcwd())] = job

    def _end(self, reference: Any, job: AnyJob) -> Outcome | None:
        """Returns a task's outcome; None where it had not begun or is submitted anew."""
        outcome = self._outcome(reference, job)
        if outcome is None or outcome.status != INTERRUPTED or self._stop.is_set():
            return outcome
        # Its node is being drained, say. Ray takes that for a normal end and does not resubmit.
        times = self._interruptions[job.name] = self._interruptions.get(job.name, 0) + 1
        if times <= self._retries:
            self._submit(job)
            return None
        return Outcome(job.name, FAILED, f"its worker was asked to stop, {times} times")

    def _outcome(self, reference: Any, job: AnyJob) -> Outcome | None:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.TaskCancelledError:
            return None
        except self._ray.exceptions.RayError as error:
            # The last line of what may be a traceback of the worker.
            text = (str(error).strip().splitlines() or ["no message"])[-1].strip()
            status = LOST if self._stop.is_set() else FAILED
            return Outcome(job.name, status, f"lost by Ray ({type(error).__name__}: {text[:300]})")


def _do_job(job: AnyJob, folder: str) -> Outcome:
    """Does a job as a task. Ray cancels it by the signal of Ctrl-C: the run saves a checkpoint.

    Args:
        job: the run.
        folder: where the driver was started: the config's paths are looked up from there.
    """
    # Ray's cancelling must not meet a run that has just saved its checkpoint: its outcome would be
    # lost. Within the run, `stop_requests` listens; what comes before and after is noted.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _note_request)
    # Where nodes are stopped, a task may get a signal of the system beside that of the driver.
    with stop_requests(second_ends=False) as stop, shared_compilations(job.workdir), _in(folder):
        if _requested.is_set():
            stop.set()
        return do_job(job, stop, LockWait())


# Set for good in a worker's process once a task of the study was cancelled there: all of them are.
_requested = StopRequest()


def _note_request(number: int, frame: object) -> None:
    _requested.set()


def _in(folder: str) -> contextlib.AbstractContextManager:
    # A node may see the study's folder and yet not this one.
    return contextlib.chdir(folder) if os.path.isdir(folder) else contextlib.nullcontext()


def task_environment(
    nodes: Sequence[Mapping[str, float]], settings: ExecutorSection
) -> dict[str, str]:
    """Variables that tasks get.

    Args:
        nodes: resources of every node, as Ray gives them.
        settings: the config's section `executor`.
    """
    # XLA makes as many threads as this variable says, instead of one for each core.
    threads = {"NPROC": str(max(1, math.ceil(settings.cpus_per_run)))}
    if settings.gpus_per_run > 0:
        return {**computation_settings(), **threads, **memory_share(settings.gpus_per_run)}
    gpus = sum(node.get("GPU", 0) for node in nodes)
    note_idle_gpus(round(gpus))
    # Ray itself hides none: it sets the variable only for tasks that have GPUs.
    return {**computation_settings(), **threads, **(without_gpus() if gpus else {})}


def check_resources(nodes: Sequence[Mapping[str, float]], settings: ExecutorSection) -> None:
    """A task that no node has room for would wait for ever.

    Args:
        nodes: resources of every node, as Ray gives them.
        settings: the config's section `executor`.

    Raises:
        UserError: no node has both the CPUs and the GPUs of a run.
    """
    cpus, gpus = settings.cpus_per_run, settings.gpus_per_run
    if any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes):
        return
    there = sorted({f"{node.get('CPU', 0):g} and {node.get('GPU', 0):g}" for node in nodes})
    raise UserError(
        f"executor.cpus_per_run = {cpus:g} with executor.gpus_per_run = {gpus:g}, but no node of "
        f"the Ray cluster has as many CPUs and GPUs (there are nodes with {', '.join(there)}); "
        "lower them"
    )


@contextlib.contextmanager
def _cluster(settings: ExecutorSection) -> Iterator[Any]:
    """Ray, connected to its cluster; a cluster that was started here ends with the context."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "executor.name = ray needs Ray, which is not installed: pip install 'rcjax[ray]', or "
            "take --config.executor.name=processes"
        ) from error
    ours = not ray.is_initialized()
    if ours:
        with _kept_handler(signal.SIGTERM):
            _connect(ray, settings)
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


@contextlib.contextmanager
def _kept_handler(number: signal.Signals) -> Iterator[None]:
    """Ray takes SIGTERM for itself, and would end the driver before the runs are saved."""
    handler = signal.getsignal(number)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, handler)


def _connect(ray: Any, settings: ExecutorSection) -> None:
    address = settings.ray_address
    where: dict[str, Any] = {"address": address}
    if not address:
        # "local" starts one even if this machine belongs to a cluster.
        where = {"address": "local", "include_dashboard": False}
        if settings.workers:
            where["num_cpus"] = max(1, math.ceil(settings.workers * settings.cpus_per_run))
        # A cluster of this machine alone has the same files; elsewhere rcjax is to be installed.
        where["runtime_env"] = {"env_vars": python_path()}
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        text = (str(error).strip().splitlines() or ["no message"])[0]
        raise UserError(
            f"no Ray cluster at executor.ray_address = {address!r} ({text[:200]}); leave it empty "
            "to start one on this machine"
        ) from error
