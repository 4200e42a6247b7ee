"""The exceptions that every part of rcjax raises for an input that the user can mend."""


class UserError(ValueError):
    """Something the user asked for cannot be done.

    The message is one line: what is wrong, the value got, how to mend it. The launcher prints it
    without a traceback and leaves with exit code 2.
    """


class DamagedError(UserError):
    """A file that rcjax wrote is no longer what it was: cut short, or changed."""


class InUseError(UserError):
    """Another process works in the same folder."""
