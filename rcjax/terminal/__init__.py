"""What the user sees: lines and a progress bar, neither of which can stop or fail a run.

Needs the standard library only, and takes tqdm where it is installed: the counter shows its
progress here without depending on what training depends on.
"""

from rcjax.terminal.bar import Bar
from rcjax.terminal.output import (
    escaped,
    move_standard_error,
    release_standard_streams,
    say,
    say_error,
    secure_standard_streams,
    shortened,
)

__all__ = [
    "Bar",
    "escaped",
    "move_standard_error",
    "release_standard_streams",
    "say",
    "say_error",
    "secure_standard_streams",
    "shortened",
]
