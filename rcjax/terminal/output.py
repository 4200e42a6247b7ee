"""Lines on standard output and standard error, whatever state these streams are in."""

import contextlib
import os
import re
import sys
import unicodedata
from typing import Any, TextIO

# Control characters, halves of surrogate pairs, and separators that terminals take for line ends.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Characters that change the direction of the text after them.
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_KEPT = frozenset("\n\t")
_LONGEST_WORD = 300
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")
_LONGEST_MESSAGE = 2000


def say(text: str) -> bool:
    """Prints a line on standard output. Never raises, even if the stream is closed or full.

    Args:
        text: control characters in it, which may come from a file, are shown escaped.

    Returns:
        Whether all lines so far were taken.
    """
    return _write_line(text, sys.stdout)


def say_error(text: str) -> None:
    """Prints a line on standard error, as `say` does on standard output."""
    _write_line(text, sys.stderr)


def _write_line(text: str, stream: TextIO | None) -> bool:
    safe = stream if isinstance(stream, UnfailingStream) else UnfailingStream(stream)
    safe.write(escaped(text) + "\n")
    safe.flush()
    return not safe.lost


def escaped(text: str) -> str:
    r"""Shows control characters as Python writes them; line ends and tabs stay.

    Example:
        >>> print(escaped("a\x1b[31mb"))
        a\x1b[31mb
    """
    return text if text.isprintable() else "".join(map(_escape, text))


def _escape(character: str) -> str:
    category = unicodedata.category(character)
    if character in _KEPT or (category not in _ESCAPED_CATEGORIES and character not in _DIRECTIONS):
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def shortened(text: str) -> str:
    """Cuts the middle out of overlong words, and of a message that is overlong all the same.

    Example:
        >>> len(shortened("unknown network " + "x" * 5000))
        321
    """

    def cut(match: re.Match[str]) -> str:
        return _without_middle(match[0], _LONGEST_WORD)

    return _without_middle(_LONG_WORD.sub(cut, text), _LONGEST_MESSAGE)


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3]} ... {text[-most // 3 :]}"


class UnfailingStream:
    """A text stream whose writes are lost, instead of raising, where they cannot be done.

    Args:
        stream: None for a stream that was closed before Python started.
    """

    def __init__(self, stream: TextIO | None):
        self._stream = stream
        # Whether anything was; a reader that closes its pipe had what it wanted.
        self.lost = stream is None

    def write(self, text: str) -> int:
        """Writes text; characters that the stream's encoding lacks are escaped."""
        if self._stream is not None:
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            text = text.encode(encoding, "backslashreplace").decode(encoding)
            try:
                self._stream.write(text)
            except BrokenPipeError:
                pass
            except (OSError, ValueError):  # the latter where the stream was closed
                self.lost = True
        return len(text)

    def flush(self) -> None:
        """Passes on what is buffered."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except BrokenPipeError:
                pass
            except (OSError, ValueError):
                self.lost = True

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def secure_standard_streams() -> None:
    """Makes sure that nothing that this process prints, libraries included, can raise.

    A descriptor that is closed would be given to the next file that is opened, and what libraries
    print would end up in that file; it is opened on the null device instead.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        if not isinstance(stream, UnfailingStream):
            setattr(sys, name, UnfailingStream(stream))


def move_standard_error(descriptor: int) -> None:
    """Has Python write its standard error to another descriptor than 2, from now on."""
    sys.stderr.flush()
    stream = open(descriptor, "w", buffering=1, encoding="utf-8")  # noqa: SIM115
    sys.stderr = UnfailingStream(stream)


def release_standard_streams() -> None:
    """Writes what is buffered, and drops what cannot be written.

    Python would otherwise try again as it ends, complain, and change the exit code.
    """
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
