"""The environment in which a new process does runs as this one would."""

import os
from pathlib import Path

import rcjax

_INSTALLED = ("site-packages", "dist-packages")


def python_path(file: str = rcjax.__file__) -> dict[str, str]:
    """PYTHONPATH by which a new process imports this rcjax; nothing where it does so anyway.

    What is on PYTHONPATH comes before the standard library, so installed packages must not be.

    Args:
        file: of rcjax, `rcjax/__init__.py`.
    """
    package = Path(file).resolve().parents[1]
    if package.name in _INSTALLED:
        return {}
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


def computation_settings() -> dict[str, str]:
    """Variables of this process that decide how JAX computes and where data sets are."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("JAX_") or name in ("XLA_FLAGS", "TFDS_DATA_DIR")
    }


def beside_runs() -> dict[str, str]:
    """Variables of a process that leaves all devices to the runs, and imports this rcjax."""
    return {**python_path(), "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
