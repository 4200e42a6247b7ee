"""Versions, platform and cores: what a result depends on besides its config."""

import functools
import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

import rcjax

_PACKAGES = ("rcjax", "jax", "jaxlib", "flax", "optax", "numpy")


def versions() -> dict[str, Any]:
    """Returns {name: version} of packages and Python, and what the run computes on.

    The same config and seed give bit-identical results on the CPU as long as all of these agree.
    """
    device = jax.local_devices()[0]
    hosts = {"hosts": jax.process_count()} if jax.process_count() > 1 else {}
    return {
        **program_versions(),
        **hosts,
        "platform": device.platform,
        "device_kind": device.device_kind,
        "devices": jax.device_count(),
        "processor": processor_model(),
        "cpu_count": _usable_cores(),
    }


def program_versions() -> dict[str, str]:
    """Returns {name: version} of packages and Python; wakes no device."""
    return {
        **{package: _version(package) for package in _PACKAGES},
        "rcjax_source": _source(),
        "python": platform.python_version(),
    }


@functools.cache
def processor_model() -> str:
    """Returns the system's name of the processor, or the kind of machine if it has none."""
    names = (line.partition(":")[2].strip() for line in cpuinfo() if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def cpuinfo() -> list[str]:
    """Returns what Linux says of its processors, line by line; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text("utf-8", "replace").splitlines(True) if path.exists() else []


@functools.cache
def _source() -> str:
    """Returns a short hash of rcjax's source: many commits have the same version."""
    package = Path(rcjax.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@functools.cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _usable_cores() -> int | None:
    if hasattr(
        os, "sched_getaffinity"
    ):  # fewer than there are, in a container or under a scheduler
        return len(os.sched_getaffinity(0))
    return os.cpu_count()
