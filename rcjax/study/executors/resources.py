"""Divides the cores and GPUs of a machine among worker processes."""

import itertools
import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from rcjax.config import ExecutorSection
from rcjax.errors import UserError
from rcjax.terminal import say


class WorkerResources(NamedTuple):
    """The cores and variables of one worker.

    Attributes:
        cores: their numbers; none where the system cannot bind a process to cores.
        environment: variables that its process gets.
    """

    cores: tuple[int, ...]
    environment: dict[str, str]


def worker_resources(
    settings: ExecutorSection, cores: Sequence[int] | None = None
) -> list[WorkerResources]:
    """Divides the machine: the resources of every worker.

    The division depends on the settings and the machine only, not on how many runs are left: the
    last bits of a result may depend on the number of cores.

    Args:
        settings: the config's section `executor`: workers (0: as many as there is room for),
            cpus_per_run and gpus_per_run are read.
        cores: their numbers; those that this process may use when None.

    Raises:
        UserError: fewer GPUs than asked for.
    """
    cores, gpus = usable_cores() if cores is None else cores, visible_gpus()
    if settings.gpus_per_run == 0:
        note_idle_gpus(len(gpus))
    workers = settings.workers or _room(len(cores), gpus, settings)
    if settings.gpus_per_run > 0 and workers > _room_on_gpus(gpus, settings):
        raise UserError(
            f"{workers} workers with executor.gpus_per_run = {settings.gpus_per_run:g} need "
            f"more GPUs than the {len(gpus)} there are; lower executor.workers or "
            "executor.gpus_per_run"
        )
    each = max(1, len(cores) // workers)
    binds = hasattr(os, "sched_setaffinity")
    return [
        WorkerResources(
            tuple(cores[(worker * each + i) % len(cores)] for i in range(each)) if binds else (),
            _gpu_environment(worker, gpus, settings.gpus_per_run),
        )
        for worker in range(workers)
    ]


def _room(cores: int, gpus: list[str], settings: ExecutorSection) -> int:
    if settings.gpus_per_run > 0:
        return max(1, _room_on_gpus(gpus, settings))
    return max(1, int(cores / settings.cpus_per_run))


def _room_on_gpus(gpus: list[str], settings: ExecutorSection) -> int:
    per_run = settings.gpus_per_run
    return len(gpus) // int(per_run) if per_run >= 1 else len(gpus) * round(1 / per_run)


def usable_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def visible_gpus() -> list[str]:
    """Names by which CUDA knows the GPUs that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip()
    if visible != "all":
        names = (name.strip() for name in visible.split(","))
        # Like CUDA, stop at the first entry that names no GPU.
        return list(itertools.takewhile(_names_gpu, names))
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    # The parts of a divided GPU are listed below it.
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return [str(number) for number in range(count)]


def _names_gpu(name: str) -> bool:
    return bool(name) and not name.startswith("-") and name != "NoDevFiles"


def note_idle_gpus(count: int) -> None:
    """Tells of GPUs that runs without a GPU leave idle, unless the user has asked for that."""
    if count and os.environ.get("JAX_PLATFORMS") != "cpu":
        say(
            f"GPUs are there ({count}), but executor.gpus_per_run = 0, so the runs use none; "
            "--config.executor.gpus_per_run=1 gives each run one"
        )


def without_gpus() -> dict[str, str]:
    """Variables that hide the GPUs of a machine from a process."""
    # JAX fails where there is a driver but no GPU to be seen, unless told to do without.
    return {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS") or "cpu"}


def memory_share(gpus_per_run: float) -> dict[str, str]:
    """Variables that leave room for the other processes on the same GPU."""
    if gpus_per_run >= 1:
        return {}
    # JAX refuses to have it under both of its names; a user's own is that of a whole GPU.
    share = f"{0.9 / round(1 / gpus_per_run):.3f}"
    return {"XLA_PYTHON_CLIENT_MEM_FRACTION": share, "XLA_CLIENT_MEM_FRACTION": ""}


def _gpu_environment(worker: int, gpus: list[str], gpus_per_run: float) -> dict[str, str]:
    if gpus_per_run == 0:
        # Several processes on a device of another kind must not each reserve most of its memory.
        return without_gpus() if gpus else {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if gpus_per_run >= 1:
        first = worker * int(gpus_per_run)
        visible = ",".join(gpus[first : first + int(gpus_per_run)])
    else:
        visible = gpus[worker // round(1 / gpus_per_run)]
    return {"CUDA_VISIBLE_DEVICES": visible, **memory_share(gpus_per_run)}
