"""Settings of the counter's tests, and processes with four devices.

The core promotes no dtype silently: float32 stays float32, whatever meets it.
"""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import jax
import pytest


@pytest.fixture(autouse=True)
def strict_dtypes():
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture
def promotion_as_users_have_it(strict_dtypes):
    """For functions written as users write them: `x * (x > 0)`, `x - x.mean(axis=0)`."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(autouse=True, scope="module")
def compiled_quickly(quick_compilation: None) -> None:
    pass


@pytest.fixture
def on_four_devices() -> Callable[[str], None]:
    """Runs a program in a process of its own that has four devices; it may import these tests."""

    def run(program: str) -> None:
        flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=4"
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            check=True,
            env={
                **os.environ,
                "XLA_FLAGS": flags,
                "PYTHONPATH": path.rstrip(os.pathsep),
                "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            },
        )

    return run
