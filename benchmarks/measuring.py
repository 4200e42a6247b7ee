"""Shared by the benchmarks: the machine, interleaved timing, tables."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import jax


def machine() -> str:
    """Processor, cores, accelerator and the versions that matter, on one line each."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    flags = ""
    if information.exists():
        lines = information.read_text().splitlines()
        processor = next(
            (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
            processor,
        )
        all_flags = next((line.split() for line in lines if line.startswith("flags")), [])
        flags = " ".join(
            f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in all_flags
        )
    device = jax.devices()[0]
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "jaxlib", "flax", "numpy"))
    return (
        f"processor: {processor}, {os.cpu_count()} cores, {flags}\n"
        f"device:    {device.platform} ({device.device_kind})\n"
        f"versions:  Python {platform.python_version()}, {versions}"
    )


def interleaved(
    functions: dict[str, Callable[[], object]],
    repeats: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every function, run in turn so that a drift of the machine meets all of them.

    Where other work runs beside, `time.process_time` as clock tells more.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for repeat in range(-warm_up, repeats):
        for name, function in functions.items():
            start = clock()
            function()
            if repeat >= 0:
                seconds[name].append(clock() - start)
    return seconds


def spread(values: list[float]) -> str:
    """Median, with the smallest and largest value."""
    return f"{statistics.median(values):.4g} ({min(values):.4g} to {max(values):.4g})"


def ratio(first: list[float], second: list[float]) -> str:
    """Median of the ratios of runs made one after the other, with their range."""
    return spread([a / b for a, b in zip(first, second, strict=True)])
