"""What a result depends on beside its config: versions, the platform, the number of cores."""

import os
import platform
from importlib import metadata
from typing import Any

import jax

_PACKAGES = ("rcjax", "jax", "jaxlib", "flax", "optax", "numpy")


def versions() -> dict[str, Any]:
    """Returns {name: version} of packages and Python, and what the run computes on.

    The same config and seed give bit-identical results on the CPU as long as all of these agree.
    """
    device = jax.local_devices()[0]
    return {
        **{package: _version(package) for package in _PACKAGES},
        "python": platform.python_version(),
        "platform": device.platform,
        "device_kind": device.device_kind,
        "devices": jax.local_device_count(),
        "cpu_count": _usable_cores(),
    }


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
