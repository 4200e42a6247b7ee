"""Refusals of the file system, as one line for the user."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from rcjax.errors import UserError
from rcjax.outside import expanded

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# What a file system answers while a file is written or read, whoever asks it.
_REFUSALS = (
    *_DISK_FULL, errno.EACCES, errno.EBUSY, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE,
    errno.ENODEV, errno.ENOENT, errno.ENOTDIR, errno.ENXIO, errno.EPERM, errno.EROFS, errno.ESTALE,
)  # fmt: skip
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR)
# Tensorstore, below orbax, passes on the number in this form, or the words alone.
_NUMBER = re.compile(r"os_error_code='(\d+)'|OS error (\d+)")
_WORDS = {os.strerror(number): number for number in _REFUSALS}


def local_folder(path: str | os.PathLike[str]) -> Path:
    """Returns the path of a workdir, with the home folder in place of `~`.

    Raises:
        UserError: it is a URL, or has a name in which checkpoints cannot be written.
    """
    text = os.fspath(path)
    if "://" in text:
        raise UserError(
            f"workdir {text} is a URL; give a folder of a file system that this machine has mounted"
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"workdir {text} has bytes that are not UTF-8, and no checkpoint can be written there; "
            "choose another name"
        ) from error
    return expanded(text)


@contextlib.contextmanager
def storage_errors(folder: Path, deed: str = "written") -> Iterator[None]:
    """Turns what the file system refuses, in whatever library, into one line.

    Args:
        folder: of the run.
        deed: what could not be done with it.

    Raises:
        UserError: the folder cannot be used. Errors of another kind, and those of files elsewhere,
            pass.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        refusal = _refusal(error, folder)
        if refusal is None:
            raise
        if refusal.errno in _DISK_FULL:
            raise UserError(
                f"no space left for workdir {folder}; earlier checkpoints are intact: free "
                "some space and run the same command again"
            ) from error
        where = f": {os.fsdecode(refusal.filename)}" if refusal.filename else ""
        raise UserError(
            f"workdir {folder} cannot be {deed} ({refusal.strerror}{where}); mend that and run the "
            "same command again, which loses nothing, or choose another one"
        ) from error


def check_readable(error: BaseException, folder: Path) -> None:
    """Tells files that cannot be read now from files that are damaged or missing.

    Args:
        error: that reading raised.
        folder: that was read.

    Raises:
        UserError: the file system or the memory refused.
    """
    if isinstance(error, MemoryError):
        raise error
    refusal = _refusal(error, folder)
    if refusal is not None and refusal.errno not in _NOT_THERE:
        with storage_errors(folder, "read"):
            raise refusal from error


def _refusal(error: BaseException, folder: Path) -> OSError | None:
    """Returns the refusal of the file system behind an error or its causes, if there is one."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, OSError):
            if _concerns(current, folder):
                return current
        elif number := _number_in(str(current)):
            return OSError(number, os.strerror(number))
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions
        waiting += [each for each in (current.__cause__, current.__context__) if each is not None]
    return None


def _concerns(error: OSError, folder: Path) -> bool:
    # write(2) and fsync(2) know no name; only the folder is written within the context.
    if error.filename is None:
        return error.errno in _REFUSALS
    if not isinstance(error.filename, str | bytes):
        return False
    file, folder = Path(os.path.abspath(os.fsdecode(error.filename))), folder.absolute()
    # mkdir(parents=True) may have failed at a folder above.
    return file.is_relative_to(folder) or folder.is_relative_to(file)


def _number_in(text: str) -> int | None:
    """Returns the error number in the text of a library whose errors are no OSErrors."""
    if found := _NUMBER.search(text):
        return int(found[1] or found[2])
    return next((number for words, number in _WORDS.items() if words in text), None)
