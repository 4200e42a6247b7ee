"""Compiled programs kept in the study's folder, so that each is compiled once for all runs."""

import contextlib
import hashlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache

# JAX keeps only what took long to compile, unless told otherwise.
_KEEP_ALL = {
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


@contextlib.contextmanager
def shared_compilations(workdir: str | Path) -> Iterator[None]:
    """Keeps compiled programs in WORKDIR/compilation-cache, unless the user has named a folder.

    Machines with different processors, which may share the study's folder, keep theirs apart.
    """
    if jax.config.values["jax_compilation_cache_dir"]:
        yield
        return
    folder = Path(workdir) / "compilation-cache" / _processor()
    wanted = {"jax_compilation_cache_dir": str(folder), **_KEEP_ALL}
    before = {name: jax.config.values[name] for name in wanted}
    # JAX looks at the folder only once, when it first compiles.
    compilation_cache.reset_cache()
    try:
        for name, value in wanted.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


def _processor() -> str:
    """A short name of the kind of processor: programs for one may not run on another."""
    description = platform.machine() + platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            kind = {line for line in file if line.startswith(("model name", "flags", "Features"))}
        description += "".join(sorted(kind))
    return f"{platform.machine()}-{hashlib.sha256(description.encode()).hexdigest()[:8]}"
