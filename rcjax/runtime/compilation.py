"""Compiled programs kept in a folder, so that each is compiled once for all runs."""

import contextlib
import hashlib
import platform
import re
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from rcjax.runtime.versions import cpuinfo
from rcjax.terminal import say_error

# JAX keeps only what took long to compile, unless told otherwise.
_KEEP_ALL = {
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}
_COMPLAINT = re.compile(
    r"Error (reading|writing) persistent compilation cache entry for '(.*?)': (.*)", re.DOTALL
)
_ENTRIES = "*-cache"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"  # how its data begin


@contextlib.contextmanager
def shared_compilations(workdir: str | Path) -> Iterator[None]:
    """Keeps compiled programs in WORKDIR/compilation-cache, unless the user has named a folder.

    Machines with different processors, which may share the study's folder, keep theirs apart.
    """
    if jax.config.values["jax_compilation_cache_dir"]:
        with mended_compilation_cache():
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
        with mended_compilation_cache():
            yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


@contextlib.contextmanager
def mended_compilation_cache() -> Iterator[None]:
    """Removes damaged entries of JAX's compilation cache as soon as JAX complains of one.

    JAX writes an entry in place and never again: what a killed process or a full disk left of one
    would cost a compilation and a warning in every later run. A folder that cannot be used at all
    is given up with one line.
    """
    show_as_before = warnings.showwarning

    def show(message: Any, *rest: Any, **more: Any) -> None:
        complaint = _COMPLAINT.match(str(message))
        if complaint is None:
            show_as_before(message, *rest, **more)
        else:
            _mend(*complaint.groups())

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = show_as_before


def _mend(deed: str, program: str, reason: str) -> None:
    folder = Path(jax.config.values["jax_compilation_cache_dir"] or "")
    try:
        damaged = [path for path in folder.glob(_ENTRIES) if not _is_whole(path.read_bytes())]
        # What JAX cannot read of data that are whole is what another version of it wrote.
        if deed == "reading" and not damaged:
            damaged = list(folder.glob(f"{program}-{_ENTRIES}"))
        for path in damaged:
            path.unlink(missing_ok=True)
        if damaged and deed == "reading":
            return
    except OSError as error:
        reason = error.strerror or reason
    say_error(
        f"the compilation cache {folder} cannot be used ({' '.join(reason.split())[:200]}); "
        "programs are compiled without it"
    )
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()


def _is_whole(entry: bytes) -> bool:
    """Returns whether an entry can be unpacked; one that is packed in an unknown way passes."""
    if entry.startswith(_ZSTANDARD):
        return True
    try:
        zlib.decompress(entry)
    except zlib.error:
        return False
    return True


def _processor() -> str:
    """Returns a short name of the kind of processor: programs for one may not run on another."""
    kind = {line for line in cpuinfo() if line.startswith(("model name", "flags", "Features"))}
    description = platform.machine() + platform.processor() + "".join(sorted(kind))
    return f"{platform.machine()}-{hashlib.sha256(description.encode()).hexdigest()[:8]}"
