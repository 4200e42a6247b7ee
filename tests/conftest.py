"""Settings that every test shares: CPU, one compilation cache, signatures that are checked."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import pytest

# Set before JAX is imported. Child processes that a test starts inherit them.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["RCJAX_CHECK_ARRAYS"] = "1"
# Arrays of different ranks meet by mistake more often than on purpose; on purpose, it is written.
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / "rcjax-test-compilation-cache")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _known_to_xla(flag: str) -> bool:
    """Whether the installed jaxlib takes a flag; one that does not know it aborts its process."""
    start = [sys.executable, "-c", "from jaxlib import xla_client; xla_client.make_cpu_client()"]
    environment = {**os.environ, "XLA_FLAGS": flag}
    return subprocess.run(start, env=environment, capture_output=True, check=False).returncode == 0


# Most of the time of the tests is compilation of programs that run once, for milliseconds. XLA's
# older emitters take half as long for them; the quick job of CI compiles as users do.
_QUICKER = ("--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1")
if "PYTEST_XDIST_WORKER" not in os.environ:  # which inherits what the first process chose
    known = filter(_known_to_xla, _QUICKER)
    os.environ["XLA_FLAGS"] = " ".join([*known, os.environ.get("XLA_FLAGS", "")]).strip()

# Rooms in which every call is held against the shapes and dtypes of its signature. Doors, where
# users' arrays come in, say themselves what is wrong with them.
CHECKED_ROOMS = [
    "rcjax.array_types",
    *(
        f"rcjax.measures.{name}"
        for name in (
            "gradient_noise", "lanczos", "layers", "margins", "norms", "objective", "pac_bayes",
            "path_norm", "sharpness",
        )
    ),
    *(
        f"rcjax.regions.{name}"
        for name in (
            "adaptive.points", "adaptive.pool", "adaptive.result", "adaptive.score_kind",
            "components", "grid", "methods", "networks", "planes",
            "resolution", "result_fields", "simplex", "slice_draws", "statistics", "exact",
        )
    ),
    "rcjax.statistics",
]  # fmt: skip
jaxtyping.install_import_hook(CHECKED_ROOMS, "beartype.beartype")


@pytest.fixture(scope="module")
def quick_compilation() -> Iterator[None]:
    """Compiles without optimisations, here and in child processes.

    It changes no number beyond rounding.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        with _optimisations(disabled=True):
            yield


@pytest.fixture
def full_compilation() -> Iterator[None]:
    """Compiles with all optimisations in a room that does without them.

    For long computations in float64: without them convolutions take many times as long.
    """
    with _optimisations(disabled=False):
        yield


@contextlib.contextmanager
def _optimisations(*, disabled: bool) -> Iterator[None]:
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", disabled)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Ray cluster of two nodes, each with room for one run."""
    utilities = pytest.importorskip("ray.cluster_utils")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    node = {"num_cpus": 1, "include_dashboard": False}
    cluster = utilities.Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()
