"""A folder that one process has for itself, and that a refusal leaves as it was."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from errno import ENOLCK, ENOSYS, EOPNOTSUPP
from pathlib import Path
from typing import TextIO

from rcjax.errors import InUseError, UserError

_LOCK = ".lock"
_NO_LOCKS = (ENOSYS, ENOLCK, EOPNOTSUPP)


@contextlib.contextmanager
def claimed_folder(path: Path) -> Iterator[None]:
    """Makes a folder and locks it for this process.

    When the context ends in an exception and no file was written, what was made for it goes again.

    Raises:
        InUseError: another process has the folder.
        UserError: its file system has no locks.
        OSError: it cannot be made.
    """
    made = _make(path)
    before = set(os.listdir(path))
    with _lock(path):
        try:
            yield
        except BaseException:
            _leave_as_before(path, made, before)
            raise


def _make(path: Path) -> list[Path]:
    """Makes a folder with those above it; returns those that were not there, innermost first."""
    missing = []
    for folder in (path, *path.parents):
        if os.path.lexists(folder):
            break
        missing.append(folder)
    path.mkdir(parents=True, exist_ok=True)
    return missing


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    while True:
        with open(path / _LOCK, "a") as file:
            _take(file, path)
            # A process that left nothing behind may have removed the file in between.
            if _is_still(path / _LOCK, file):
                yield
                return


def _take(file: TextIO, path: Path) -> None:
    try:
        # Let go by the system when the process ends, however it ends.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InUseError(
            f"workdir {path} is in use by another process; wait for it to end, or "
            "choose another workdir"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise UserError(
            f"workdir {path} is on a file system that cannot lock files "
            f"({error.strerror}), so two processes could write the same run; choose a "
            "workdir on another one, or have it mounted with locks (Lustre: -o flock)"
        ) from error


def _is_still(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _leave_as_before(path: Path, made: list[Path], before: set[str]) -> None:
    with contextlib.suppress(OSError):
        new = [name for name in os.listdir(path) if name not in before]
        if any(_holds_a_file(path / name) for name in new if name != _LOCK):
            return
        for name in new:
            _remove_folders(path / name)
        if _LOCK in new:
            (path / _LOCK).unlink()
        for folder in made:
            folder.rmdir()


def _holds_a_file(path: Path) -> bool:
    return not path.is_dir() or any(files for _, _, files in os.walk(path))


def _remove_folders(path: Path) -> None:
    for folder, _, _ in os.walk(path, topdown=False):
        os.rmdir(folder)
