"""Runs on several hosts, which are processes of this machine."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from .small_runs import REPOSITORY, small_arguments


class HostsOutcome(NamedTuple):
    """What the hosts of a run left behind, by number."""

    codes: list[int]
    out: list[str]
    err: list[str]


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return f"localhost:{probe.getsockname()[1]}"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("localhost", port))
        except OSError:
            return False
        return True


_started: list[subprocess.Popen[str]] = []


def end_hosts() -> None:
    """Ends what a test that failed has left."""
    for process in _started:
        process.kill()
        process.communicate()
    _started.clear()


def start_host(arguments: list[str], folder: Path, **environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "launch.py"), *arguments],
        cwd=folder,
        env={**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _started.append(process)
    return process


def start_hosts(
    workdirs: list[Path], *changes: dict[str, Any], folders: list[Path] | None = None, **fields: Any
) -> list[subprocess.Popen[str]]:
    """Starts a host for each workdir, in `folders`; `changes` are fields of single hosts."""
    address, count = free_address(), len(workdirs)
    folders = folders or [REPOSITORY] * count
    different = [*changes, *[{}] * (count - len(changes))]
    return [
        start_host(
            [
                *small_arguments(workdir, **fields | different[number])[1:],
                f"--hosts.address={address}",
                f"--hosts.count={count}",
                f"--hosts.number={number}",
                "--hosts.timeout=60",
            ],
            folders[number],
        )
        for number, workdir in enumerate(workdirs)
    ]


def outcome(processes: list[subprocess.Popen[str]], timeout: float = 300) -> HostsOutcome:
    outputs = [process.communicate(timeout=timeout) for process in processes]
    out, err = zip(*outputs, strict=True)
    return HostsOutcome([process.returncode for process in processes], list(out), list(err))


def run_hosts(workdirs: list[Path], *changes: dict[str, Any], **fields: Any) -> HostsOutcome:
    return outcome(start_hosts(workdirs, *changes, **fields))
