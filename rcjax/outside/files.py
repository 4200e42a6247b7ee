"""Paths that a user gave, and files of others: found and opened so that none can hang a command."""

import errno
import io
import os
import stat
from pathlib import Path

from rcjax.errors import UserError

_SPECIAL = (
    (stat.S_ISDIR, errno.EISDIR, os.strerror(errno.EISDIR)),
    (stat.S_ISFIFO, errno.EINVAL, "a FIFO instead of a file"),
    (stat.S_ISSOCK, errno.EINVAL, "a socket instead of a file"),
    (lambda mode: not stat.S_ISREG(mode), errno.EINVAL, "a device instead of a file"),
)
_LONGEST_REASON = 200  # characters


def expanded(path: str | os.PathLike[str]) -> Path:
    """Returns a path with the home folder in place of `~` or `~user`.

    Raises:
        UserError: there is no such user, or the path holds a NUL character.
    """
    text = os.fspath(path)
    if "\0" in text:
        raise UserError(f"no file can be named {text}: the name holds a NUL character")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"{text} names the home folder of an unknown user; write the path out"
        ) from error


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Opens a file for reading, and nothing that could block or never end.

    Raises:
        OSError: no such file, not readable, or a folder, FIFO, socket or device, which is not
            opened. `strerror` says which.
    """
    check_regular(path)
    return open(path, "rb")


def check_regular(path: str | os.PathLike[str]) -> None:
    """Checks that a path names a file and nothing else.

    Raises:
        OSError: as for `open_regular`.
    """
    mode = os.stat(path).st_mode
    for is_kind, number, reason in _SPECIAL:
        if is_kind(mode):
            raise OSError(number, reason, os.fspath(path))


def one_line(error: BaseException) -> str:
    """Returns the kind of an error and the beginning of its text, without line breaks."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    else:
        text = " ".join(str(error).split())
    if len(text) > _LONGEST_REASON:
        text = text[:_LONGEST_REASON] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
