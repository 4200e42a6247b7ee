"""The exceptions that every part of rcjax raises for an input that the user can mend."""


class UserError(ValueError):
    """Something the user asked for cannot be done.

    The message is one line: what is wrong, the value got, how to mend it. The launcher prints it
    without a traceback and leaves with exit code 2. Names of files, columns and weights come from
    outside; characters that would break the line or steer the terminal are shown escaped.

    Example:
        >>> print(UserError("no column 'a\\x1b[31m\\nb'"))
        no column 'a\\x1b[31m\\nb'
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class DamagedError(UserError):
    """A file that rcjax wrote is no longer what it was: cut short, or changed."""


class InUseError(UserError):
    """Another process works in the same folder."""


def printable(text: str) -> str:
    """Returns `text` with all characters escaped that a terminal does not print."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
