"""Runs as tasks of a Ray cluster, which brings them again when a worker or a node is lost.

Needs the extra `rcjax[ray]`, and one file system that all nodes see: a run that is brought again,
wherever that is, goes on from its checkpoint.
"""

import contextlib
import logging
import math
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import rcjax
from rcjax.errors import UserError
from rcjax.study.compilation import shared_compilations
from rcjax.study.executors import Report
from rcjax.study.runs import FAILED, Job, Outcome, perform
from rcjax.training.interruption import stop_requests

_TICK = 0.5  # seconds between looks at `stop`
# Ray's remarks on things that are as we want them.
_ENVIRONMENT = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0"}


def execute(
    jobs: Sequence[Job], settings: Mapping[str, Any], report: Report, stop: threading.Event
) -> None:
    """Does the jobs on the cluster at `settings["ray_address"]`, or on one that it starts here.

    Args:
        jobs: the runs.
        settings: the config's section `executor`: ray_address ("": a cluster of this machine
            alone, with `workers` cores if not 0; "auto": the one this machine belongs to; or
            "ray://host:port"), cpus_per_run, gpus_per_run and retries are read.
        report: called as each run ends.
        stop: set when the runs should end.

    Raises:
        UserError: Ray is not installed, cannot be reached, or has not the CPUs or GPUs for a run.
    """
    with _cluster(settings) as ray:
        _check_resources(ray, settings)
        # XLA makes as many threads as this variable says, instead of one for each core.
        threads = str(max(1, math.ceil(settings["cpus_per_run"])))
        task = ray.remote(_perform).options(
            num_cpus=settings["cpus_per_run"],
            num_gpus=settings["gpus_per_run"],
            max_retries=settings["retries"],
            runtime_env={"env_vars": {"NPROC": threads}},
        )
        waiting = {task.remote(job): job for job in jobs}
        asked = False
        while waiting:
            done, _ = ray.wait(list(waiting), timeout=_TICK)
            for reference in done:
                job = waiting.pop(reference)
                outcome = _outcome(ray, reference, job)
                if outcome is not None:
                    report(outcome)
            if stop.is_set() and not asked:
                asked = True
                for reference in waiting:
                    ray.cancel(reference)


def _perform(job: Job) -> Outcome:
    """A task. Ray cancels it by the signal of Ctrl-C, at which the run saves a checkpoint."""
    with stop_requests() as stop, shared_compilations(job.workdir):
        return perform(job, stop)


def _outcome(ray: Any, reference: Any, job: Job) -> Outcome | None:
    """How a task ended; None if it was cancelled."""
    try:
        return ray.get(reference)
    except ray.exceptions.TaskCancelledError:
        return None
    except ray.exceptions.RayError as error:
        # The last line of what may be a traceback of the worker.
        text = (str(error).strip().splitlines() or ["no message"])[-1].strip()
        return Outcome(job.name, FAILED, f"lost by Ray ({type(error).__name__}: {text[:300]})")


def _check_resources(ray: Any, settings: Mapping[str, Any]) -> None:
    """A task that no node has room for would wait for ever."""
    for field, resource in (("cpus_per_run", "CPU"), ("gpus_per_run", "GPU")):
        most = max(
            (node["Resources"].get(resource, 0) for node in ray.nodes() if node["Alive"]), default=0
        )
        if settings[field] > most:
            raise UserError(
                f"executor.{field} = {settings[field]:g}, but no node of the Ray cluster has more "
                f"than {most:g} {resource}s; lower it"
            )


@contextlib.contextmanager
def _cluster(settings: Mapping[str, Any]) -> Iterator[Any]:
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
        _connect(ray, settings)
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def _connect(ray: Any, settings: Mapping[str, Any]) -> None:
    address = settings["ray_address"]
    package = str(Path(rcjax.__file__).resolve().parents[1])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    where = {"address": address}
    if not address:
        # "local" starts one even if this machine belongs to a cluster.
        where = {"address": "local", "include_dashboard": False}
        if settings["workers"]:
            where["num_cpus"] = max(1, math.ceil(settings["workers"] * settings["cpus_per_run"]))
        # A cluster of this machine alone has the same files; elsewhere rcjax is to be installed.
        where["runtime_env"] = {"env_vars": {"PYTHONPATH": os.pathsep.join(paths)}}
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        text = (str(error).strip().splitlines() or ["no message"])[0]
        raise UserError(
            f"no Ray cluster at executor.ray_address = {address!r} ({text[:200]}); leave it empty "
            "to start one on this machine"
        ) from error
